package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/api"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// newElasticStage has the sources of elastic-integrations.yaml.
func newElasticStage(t *testing.T) *stage {
	t.Helper()
	return newDestinationStage(t, world.GraphAlerts, world.GraphIncidents, world.EndpointAlerts)
}

// wantedDocument is what Elastic's ingest pipelines must get of a part of a record.
type wantedDocument struct {
	stream, message string
	at              time.Time
}

// wantedInElastic is what must be in Elasticsearch of all that the tenants show now.
func (s *stage) wantedInElastic() (wanted []wantedDocument) {
	for _, tn := range s.tenants {
		for _, source := range s.sources {
			for _, v := range s.cloud.World.Find(tn.id, world.Query{Source: source}) {
				wanted = append(wanted, documentsOf(tn, v)...)
			}
		}
	}
	return wanted
}

func documentsOf(tn tenant, v *world.Version) (documents []wantedDocument) {
	text := string(v.JSON())
	switch v.Source {
	case world.GraphIncidents:
		for message, alert := range around(text, "alerts") {
			var of struct{ LastUpdateDateTime time.Time }
			_ = json.Unmarshal([]byte(alert), &of) // the world's own
			at := of.LastUpdateDateTime
			if at.IsZero() {
				at = v.Updated
			}
			documents = append(documents, wantedDocument{"logs-m365_defender.incident-" + tn.name, message, at})
		}
	case world.EndpointAlerts:
		for message := range around(text, "evidence") {
			documents = append(documents, wantedDocument{"logs-microsoft_defender_endpoint.log-" + tn.name, message, v.Updated})
		}
	default:
		documents = append(documents, wantedDocument{"logs-m365_defender.alert-" + tn.name, text, v.Updated})
	}
	return documents
}

// around returns a record's text with each element of an array in its place, and the element; with null if it is empty.
func around(text, member string) map[string]string {
	var record map[string]json.RawMessage
	_ = json.Unmarshal([]byte(text), &record) // the world's own
	var elements []json.RawMessage
	_ = json.Unmarshal(record[member], &elements)
	if len(elements) == 0 {
		elements = []json.RawMessage{json.RawMessage("null")}
	}
	name, found := `"`+member+`":`, map[string]string{}
	for _, element := range elements {
		found[strings.Replace(text, name+string(record[member]), name+string(element), 1)] = string(element)
	}
	return found
}

// arrivedInElastic waits until all that the tenants show is in Elasticsearch.
func (s *stage) arrivedInElastic(e *elastic) {
	s.t.Helper()
	missing := map[string]bool{}
	for _, d := range s.wantedInElastic() {
		missing[d.stream+d.message] = true
	}
	total := len(missing)
	s.eventually(fmt.Sprintf("%d documents", total), func() bool {
		for _, stream := range e.streams() {
			for _, d := range e.in(stream) {
				message, _ := d.source["message"].(string)
				delete(missing, stream+message)
			}
		}
		return len(missing) == 0
	})
}

// Each document is what the ingest pipeline of its data stream reads, and nothing that it fills itself.
func TestDocumentsInElasticAreWhatItsIntegrationsRead(t *testing.T) {
	t.Parallel()
	s := newElasticStage(t)
	s.generate(40, 20*time.Hour)
	begun := time.Now().Add(-2 * time.Hour)
	for _, incident := range []int64{7_000_001, 7_000_002} { // the first is merged into the second, and has no alerts then
		s.cloud.World.Put(s.tenants[0].id, world.Alert{Updated: begun, Created: begun, Incident: incident})
	}
	s.cloud.World.Merge(s.tenants[0].id, 7_000_001, 7_000_002)
	s.cloud.World.Put(s.tenants[1].id, world.Alert{Updated: begun, Created: begun, Members: map[string]any{"evidence": []any{}}})
	e := s.withElastic()
	c := s.startConfiguration("elastic-integrations.yaml")
	s.arrivedInElastic(e)
	c.terminate()

	ids, streams := map[string]map[string]any{}, map[string]bool{}
	for _, stream := range e.streams() {
		for _, d := range e.in(stream) {
			assert.Len(t, d.id, 32)
			ids[stream+d.source["message"].(string)] = d.source
		}
	}
	wanted := s.wantedInElastic()
	assert.Len(t, ids, len(wanted))
	for _, want := range wanted {
		streams[want.stream] = true
		got, found := ids[want.stream+want.message]
		require.True(t, found, want.message)
		_, dataset, _ := strings.Cut(want.stream, "-")
		dataset, namespace, _ := strings.Cut(dataset, "-")
		tenantID := map[string]string{s.tenants[0].name: s.tenants[0].id, s.tenants[1].name: s.tenants[1].id}[namespace]
		assert.Equal(t, map[string]any{
			"message": want.message, "@timestamp": want.at.UTC().Format("2006-01-02T15:04:05.000000000Z07:00"),
			"data_stream":  map[string]any{"type": "logs", "dataset": dataset, "namespace": namespace},
			"organization": map[string]any{"id": tenantID, "name": namespace},
		}, canonical(got))
		requireReadable(t, dataset, want.message)
	}
	assert.Len(t, streams, 6, "three data streams of each customer")
	_, conflicts := e.counts()
	assert.Zero(t, conflicts)
	s.withinQuotas()
	assert.Empty(t, c.logged("", line{"level": "error"}))
}

// canonical writes the timestamp with all of its digits.
func canonical(source map[string]any) map[string]any {
	if at, err := time.Parse(time.RFC3339Nano, fmt.Sprint(source["@timestamp"])); err == nil {
		source["@timestamp"] = at.UTC().Format("2006-01-02T15:04:05.000000000Z07:00")
	}
	return source
}

// requireReadable asks of a message what the pipelines of the integrations do: an object with no array `value`, in which the
// part is an object too.
func requireReadable(t *testing.T, dataset, message string) {
	t.Helper()
	var parsed map[string]any
	require.NoError(t, json.Unmarshal([]byte(message), &parsed))
	require.NotContains(t, parsed, "value")
	member := map[string]string{"m365_defender.incident": "alerts", "microsoft_defender_endpoint.log": "evidence"}[dataset]
	if part := parsed[member]; part != nil {
		require.IsType(t, map[string]any{}, part, dataset)
	}
}

func TestElasticMayBeDownForATime(t *testing.T) {
	t.Parallel()
	s := newElasticStage(t)
	s.generate(100, 20*time.Hour)
	e := s.withElastic()
	e.down()
	c := s.startConfiguration("elastic-integrations.yaml", impatient)
	s.eventually("lines that say it", func() bool { return len(c.logged(fails, line{"reason": "pipeline_refused"})) > 0 })
	s.generate(20, time.Minute)
	e.up()
	s.arrivedInElastic(e)
	c.terminate()
}

// impatient gives a request back to the receiver within seconds, where the configuration waits a minute.
const impatient = `exporters: {elasticsearch: {timeout: 2s, retry: {max_interval: 500ms}}}`

// Whatever a whole request is refused with, but for what is wrong with the request itself: it is sent until it is taken.
func TestRequestsThatElasticRefusesComeAgain(t *testing.T) {
	t.Parallel()
	for _, status := range []int{
		http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
	} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			s := newElasticStage(t)
			s.generate(10, time.Hour)
			e := s.withElastic()
			e.instead(refusing(status))
			c := s.startConfiguration("elastic-integrations.yaml", impatient)
			s.eventually("lines that say it", func() bool { return len(c.logged(fails, line{"reason": "pipeline_refused"})) > 0 })
			e.instead(nil)
			s.arrivedInElastic(e)
			c.terminate()
			assert.Empty(t, c.logged("refused records for good", nil))
		})
	}
}

// What the exporter counts of single documents, in which alone a refusal of one shows.
const (
	documentsRetried   = "otelcol_elasticsearch_docs_retried"
	documentsProcessed = "otelcol_elasticsearch_docs_processed"
)

// A document that Elasticsearch refuses for now, alone among others, is sent until it is taken, many times if need be.
func TestDocumentsThatElasticRefusesForNowComeAgain(t *testing.T) {
	t.Parallel()
	for status, kind := range map[int]string{
		http.StatusTooManyRequests: "es_rejected_execution_exception", http.StatusForbidden: "security_exception",
		http.StatusNotFound: "index_not_found_exception", http.StatusServiceUnavailable: "unavailable_shards_exception",
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := newElasticStage(t)
			s.generate(30, 20*time.Hour)
			e := s.withElastic()
			var refused atomic.Int64
			times := map[string]int{}
			e.refusing(func(_ string, doc document) (int, string) {
				if doc.id[0]%2 == 0 || times[doc.id] >= 5 { // a client gives up after two by default
					return 0, ""
				}
				times[doc.id]++
				refused.Add(1)
				return status, kind
			})
			port := freePort(t)
			c := s.startConfiguration("elastic-integrations.yaml", `exporters: {elasticsearch: {retry: {initial_interval: 10ms}}}`, measured(port))
			s.arrivedInElastic(e)
			s.polled(1, s.tenants...)
			samples := s.scrape(port)
			c.terminate()
			assert.Positive(t, refused.Load())
			assert.InDelta(t, refused.Load(), sum(samples, documentsRetried, nil), 0)
			assert.Contains(t, page(t, "elastic.md"), "`"+documentsRetried+"`")
			assert.Zero(t, sum(samples, "otelcol_exporter_send_failed_log_records", nil), "what others count does not move")
			_, conflicts := e.counts()
			assert.Zero(t, conflicts, "only what was refused is sent again")
		})
	}
}

// A collector that is stopped while Elasticsearch takes nothing, or does not even answer, ends soon; the next one goes on.
func TestStoppingWhileElasticTakesNothingLosesNothing(t *testing.T) {
	t.Parallel()
	for name, hold := range map[string]func(*elastic, chan struct{}){
		"refuses": func(e *elastic, asked chan struct{}) {
			e.refusing(func(string, document) (int, string) {
				tell(asked)
				return http.StatusTooManyRequests, "es_rejected_execution_exception"
			})
		},
		"hangs": func(e *elastic, asked chan struct{}) {
			e.instead(func(_ http.ResponseWriter, r *http.Request) bool {
				_, _ = io.Copy(io.Discard, r.Body) // so that the server learns of the end of the client
				tell(asked)
				<-r.Context().Done()
				return true
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newElasticStage(t)
			s.generate(30, 20*time.Hour)
			e, asked := s.withElastic(), make(chan struct{}, 1)
			hold(e, asked)
			c := s.startConfiguration("elastic-integrations.yaml")
			<-asked
			c.terminate()
			e.refusing(nil)
			e.instead(nil)
			next := s.startConfiguration("elastic-integrations.yaml")
			s.arrivedInElastic(e)
			next.terminate()
		})
	}
}

// tell says something once to whoever waits for it.
func tell(asked chan struct{}) {
	select {
	case asked <- struct{}{}:
	default:
	}
}

// A document that does not fit its mapping is lost to Elasticsearch, unless its failure store is on. One line says so, and
// it holds up nothing else.
func TestADocumentThatDoesNotFitHoldsUpNothing(t *testing.T) {
	t.Parallel()
	s := newElasticStage(t)
	s.generate(30, 20*time.Hour)
	e := s.withElastic()
	wanted := s.wantedInElastic()
	bad := wanted[len(wanted)/2]
	e.refusing(func(stream string, doc document) (int, string) {
		if stream == bad.stream && doc.source["message"] == bad.message {
			return http.StatusBadRequest, "document_parsing_exception"
		}
		return 0, ""
	})
	port := freePort(t)
	c := s.startConfiguration("elastic-integrations.yaml", measured(port))
	s.eventually("all others", func() bool {
		n := 0
		for _, stream := range e.streams() {
			n += len(e.in(stream))
		}
		return n == len(wanted)-1
	})
	s.polled(1, s.tenants...)
	samples := s.scrape(port)
	c.terminate()
	assert.InDelta(t, 1, sum(samples, documentsProcessed, map[string]string{"outcome": "failed_client"}), 0)
	assert.Contains(t, page(t, "elastic.md"), "`"+documentsProcessed+"` with `outcome=\"failed_client\"`")
	assert.InDelta(t, len(wanted), sum(samples, "otelcol_exporter_sent_log_records", nil), 0, "to the collector it is sent")
	assert.Zero(t, sum(samples, "otelcol_exporter_send_failed_log_records", nil))
	lines := c.logged("failed to index document", nil)
	require.Len(t, lines, 1)
	assert.Equal(t, "document_parsing_exception", lines[0].text("error.type"))
	assert.Equal(t, ".ds-"+bad.stream+"-2026.11.22-000001", lines[0].text("index"))
}

// A request that is wrong in itself is refused for good, and the receiver names the alerts.
func TestARequestThatIsTooLargeForElasticIsNamed(t *testing.T) {
	t.Parallel()
	s := newElasticStage(t)
	now := time.Now().Add(-time.Minute)
	ids := s.cloud.World.Put(s.tenants[0].id, world.Alert{Updated: now, Created: now, Sources: []world.Source{world.GraphAlerts}})
	e := s.withElastic()
	e.instead(refusing(http.StatusRequestEntityTooLarge))
	c := s.startConfiguration("elastic-integrations.yaml")
	s.eventually("the line that says it", func() bool { return len(c.logged("refused records for good", nil)) == 1 })
	c.terminate()
	assert.Equal(t, []any{ids[0]}, c.logged("refused records for good", nil)[0]["ids"])
}

// A process that is killed while documents are on their way has lost none, and a document that was there already is not
// there twice.
func TestKillingOnTheWayToElasticLosesNothing(t *testing.T) {
	t.Parallel()
	s := newElasticStage(t)
	s.generate(500, 20*time.Hour)
	for _, a := range api.APIs() {
		s.cloud.API.SetQuota(a, api.Quota{}) // each process counts its own requests
	}
	e := s.withElastic()
	e.instead(func(_ http.ResponseWriter, r *http.Request) bool {
		select {
		case <-r.Context().Done():
		case <-time.After(100 * time.Millisecond): // so that there is something on its way
		}
		return false
	})
	over := `receivers: {defender: {sources: {endpoint_alerts: {page_size: 50}, graph_alerts: {page_size: 50}}}}`
	for range 4 {
		c := s.startConfiguration("elastic-integrations.yaml", over)
		before, _ := e.counts()
		s.eventually("requests", func() bool { now, _ := e.counts(); return now > before+3 })
		c.kill()
	}
	c := s.startConfiguration("elastic-integrations.yaml", over)
	s.arrivedInElastic(e)
	c.terminate()
	n := 0
	for _, stream := range e.streams() {
		n += len(e.in(stream))
	}
	_, conflicts := e.counts()
	t.Logf("%d documents, %d that were there already", n, conflicts)
	assert.Len(t, s.wantedInElastic(), n, "each once")
}

// Without the integrations the documents have OpenTelemetry's own shape.
func TestAlertsArriveInElasticInTheShapeOfOpenTelemetry(t *testing.T) {
	t.Parallel()
	s := newDestinationStage(t, world.EndpointAlerts, world.GraphAlerts)
	s.generate(20, 20*time.Hour)
	e := s.withElastic()
	c := s.startConfiguration("elastic.yaml")
	s.eventually("documents", func() bool {
		return len(e.in("logs-defender.alerts.otel-contoso"))+len(e.in("logs-defender.alerts.otel-fabrikam")) == 80
	})
	c.terminate()
	bodies := map[string]bool{}
	for _, d := range append(e.in("logs-defender.alerts.otel-contoso"), e.in("logs-defender.alerts.otel-fabrikam")...) {
		attributes := d.source["attributes"].(map[string]any)
		assert.Equal(t, d.id, attributes["log.record.uid"])
		bodies[d.source["body"].(map[string]any)["text"].(string)] = true
	}
	for _, tn := range s.tenants {
		for _, source := range s.sources {
			for _, v := range s.cloud.World.Find(tn.id, world.Query{Source: source}) {
				assert.True(t, bodies[string(v.JSON())], v.ID)
			}
		}
	}
}
