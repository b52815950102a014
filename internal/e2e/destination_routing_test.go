package e2e_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// having returns those of the records that fulfil a condition.
func having(made map[string]record, condition func(record) bool) map[string]record {
	found := map[string]record{}
	for uid, r := range made {
		if condition(r) {
			found[uid] = r
		}
	}
	return found
}

func ofTenant(name string) func(record) bool {
	return func(r record) bool { return r.Resource["azure.tenant.name"] == name }
}

func TestEachCustomerIsRoutedToItsOwnWorkspace(t *testing.T) {
	t.Parallel()
	const file = "routing.yaml"
	s := newShippedStage(t, "contoso", "fabrikam", "tailspin", "provider")
	s.generate(30, time.Hour)
	contoso := newAzureMonitor(t, s.cloud, s.tenants[0].id, "dcr-contoso")
	gold := newAzureMonitor(t, s.cloud, s.tenants[3].id, "dcr-provider")
	env := map[string]string{"CONTOSO_OTLP_LOGS_URL": contoso.logsURL(), "AZURE_OTLP_LOGS_URL": gold.logsURL()}
	made := s.made(file, env)
	c := s.startShipped(file, env, s.writingTo("*.jsonl"), contoso.trusting(s, "otlp_http/contoso"), gold.trusting(s, "otlp_http/gold"),
		`extensions: {entra_auth/contoso: {authority_host: "`+s.cloud.URL()+`", application: {client_id: `+cloudsim.ClientID+`}, http: {tls: {ca_file: `+s.dir+`/ca.pem}}}}`)
	contoso.complete(s, having(made, ofTenant("contoso")))
	gold.complete(s, having(made, ofTenant("fabrikam")))
	s.filed(having(made, func(r record) bool { return ofTenant("tailspin")(r) || ofTenant("provider")(r) }))
	c.terminate()
	assert.Zero(t, whole(t, having(made, ofTenant("contoso")), contoso.arrived()))
	assert.Zero(t, whole(t, having(made, ofTenant("fabrikam")), gold.arrived()))
	files := s.inFiles()
	assert.ElementsMatch(t, []string{"tailspin.jsonl", "provider.jsonl"}, keysOf(files))
	assert.Zero(t, whole(t, having(made, ofTenant("tailspin")), files["tailspin.jsonl"]))
	assert.Zero(t, whole(t, having(made, ofTenant("provider")), files["provider.jsonl"]))
	contoso.unfailing()
	gold.unfailing()
}

func TestEachCustomerHasATopicWithoutARoute(t *testing.T) {
	t.Parallel()
	const file = "kafka-by-customer.yaml"
	s := newShippedStage(t, "contoso", "fabrikam")
	s.generate(50, time.Hour)
	kafka := newKafka(t, kafkaTopic, "defender-contoso")
	made := s.made(file, kafka.environment())
	c := s.startShipped(file, kafka.environment(), kafka.trusting(s))
	reader := kafka.reader(kafkaTopic, "defender-contoso")
	records := reader.complete(s, made)
	c.terminate()
	assert.Zero(t, whole(t, made, records))
	topics := map[string]string{"contoso": "defender-contoso", "fabrikam": kafkaTopic}
	for _, m := range reader.messages {
		for _, r := range m.records {
			name, _ := r.Resource["azure.tenant.name"].(string)
			assert.Equal(t, topics[name], m.topic)
		}
	}
}

func TestATopicThatIsANumberIsTheTopic(t *testing.T) {
	t.Parallel()
	const file = "kafka-by-customer.yaml"
	s := newShippedStage(t, "contoso", "fabrikam")
	s.generate(20, time.Hour)
	kafka := newKafka(t, kafkaTopic, "17")
	made := s.made(file, kafka.environment())
	c := s.startShipped(file, kafka.environment(), kafka.trusting(s), s.numbered("kafka.topic"))
	reader := kafka.reader(kafkaTopic, "17")
	reader.complete(s, made)
	c.terminate()
	topics := map[any]string{"contoso": "17", "fabrikam": kafkaTopic}
	for _, m := range reader.messages {
		for _, r := range m.records {
			assert.Equal(t, topics[r.Resource["azure.tenant.name"]], m.topic)
		}
	}
}

func TestWhatMattersGoesToSentinelAndEverythingToFiles(t *testing.T) {
	t.Parallel()
	const file = "severity.yaml"
	s := newShippedStage(t, "provider", "contoso")
	s.generate(60, time.Hour)
	unknown := []string{"critical", "unknownFutureValue", "UnSpecified"}
	for _, severity := range unknown {
		s.cloud.World.Put(s.tenants[1].id, world.Alert{Severity: severity})
	}
	azure := newAzureMonitor(t, s.cloud, s.tenants[0].id, "dcr-1")
	env := map[string]string{"AZURE_OTLP_LOGS_URL": azure.logsURL()}
	made := s.made(file, env)
	named := 0
	matters := having(made, func(r record) bool {
		// Graph writes each word with a small letter at its beginning.
		known := !slices.ContainsFunc(unknown, func(severity string) bool { return strings.EqualFold(severity, r.Severity) })
		if !known {
			named++
		}
		return !known || r.SeverityNumber >= plog.SeverityNumberWarn
	})
	require.Equal(t, len(unknown)*len(s.sources), named)
	require.Greater(t, len(matters), named)
	require.Less(t, len(matters), len(made))
	c := s.startShipped(file, env, s.writingTo("alerts.jsonl"), azure.trusting(s, "otlp_http"))
	azure.complete(s, matters)
	records := s.filed(made)
	c.terminate()
	assert.Zero(t, whole(t, matters, azure.arrived()))
	assert.Zero(t, whole(t, made, records))
	azure.unfailing()
}

// Each destination goes on while the other is down, also across a kill, and neither gets anything twice but after it.
func TestFanOutKeepsDestinationsApart(t *testing.T) {
	t.Parallel()
	const file = "fan-out.yaml"
	s := newShippedStage(t, "provider", "contoso")
	s.generate(100, 20*time.Hour)
	kafka := newKafka(t, kafkaTopic)
	azure := newAzureMonitor(t, s.cloud, s.tenants[0].id, "dcr-1")
	env := kafka.environment()
	env["AZURE_OTLP_LOGS_URL"] = azure.logsURL()
	over := []string{azure.trusting(s, "otlp_http"), kafka.trusting(s), quickly("otlp_http"), quickly("kafka")}
	reader := kafka.reader(kafkaTopic)

	azure.down()
	made := s.made(file, env)
	first := s.startShipped(file, env, over...)
	assert.Zero(t, whole(t, made, reader.complete(s, made)), "Kafka does not notice")
	assert.Empty(t, azure.arrived())
	first.kill()

	azure.up()
	kafka.down()
	s.generate(100, time.Minute)
	made = s.made(file, env)
	second := s.startShipped(file, env, over...)
	azure.complete(s, made)
	s.polled(2, s.tenants...)
	second.kill()

	kafka.up()
	third := s.startShipped(file, env, over...)
	records := reader.complete(s, made)
	third.terminate()
	t.Logf("%d repeats at Azure Monitor, %d at Kafka", whole(t, made, azure.arrived()), whole(t, made, records))
	azure.unfailing()
}

// A queue that is full makes the receiver wait, and nothing come twice.
func TestAFullQueueOfOneDestinationRepeatsNothingAtTheOther(t *testing.T) {
	t.Parallel()
	const file = "fan-out.yaml"
	s := newShippedStage(t, "provider", "contoso")
	s.generate(1_000, 20*time.Hour)
	kafka := newKafka(t, kafkaTopic)
	azure := newAzureMonitor(t, s.cloud, s.tenants[0].id, "dcr-1")
	env := kafka.environment()
	env["AZURE_OTLP_LOGS_URL"] = azure.logsURL()
	trusting := azure.trusting(s, "otlp_http")
	azure.down()
	made := s.made(file, env)
	metrics := freePort(t)
	c := s.startShipped(file, env, trusting, kafka.trusting(s), quickly("otlp_http"), measured(metrics),
		queueOf("otlp_http", 12_000_000)) // two deliveries of the receiver
	reader := kafka.reader(kafkaTopic)
	before, still := 0, 0
	s.eventually("a receiver that waits", func() bool {
		n := len(reader.read(t))
		if still++; n != before || n == 0 {
			before, still = n, 0
		}
		return still > 10
	})
	require.NotZero(t, lacking(made, reader.read(t)), "the queue is full")
	page := s.get(metrics, "/metrics")
	for _, name := range []string{"otelcol_exporter_queue_size", "otelcol_exporter_queue_capacity"} {
		assert.Contains(t, page, name+"{", "the documentation says to watch it")
	}
	azure.up()
	azure.complete(s, made)
	records := reader.complete(s, made)
	c.terminate()
	assert.Zero(t, whole(t, made, azure.arrived()))
	assert.Zero(t, whole(t, made, records))
}
