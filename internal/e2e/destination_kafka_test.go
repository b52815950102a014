package e2e_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

const kafkaTopic = "defender-alerts"

func newKafkaStage(t *testing.T, alerts int) (*stage, *kafkaCluster) {
	t.Helper()
	s := newShippedStage(t, "contoso", "fabrikam")
	s.generate(alerts, 20*time.Hour)
	return s, newKafka(t, kafkaTopic)
}

func TestKafkaGetsEveryFieldOfEveryAlertInOrder(t *testing.T) {
	t.Parallel()
	s, kafka := newKafkaStage(t, 1_200) // more than one message takes
	made := s.made("kafka.yaml", kafka.environment())
	c := s.startShipped("kafka.yaml", kafka.environment(), kafka.trusting(s))
	reader := kafka.reader(kafkaTopic)
	records := reader.complete(s, made)
	c.terminate()
	assert.Zero(t, whole(t, made, records))
	assert.Empty(t, c.logged("", line{"level": "error"}))
	partitions, keys := map[any]int32{}, map[any]string{}
	for _, m := range reader.messages {
		for _, r := range m.records {
			tenant := r.Resource["azure.tenant.name"]
			if key, known := keys[tenant]; known {
				assert.Equal(t, key, m.key)
				assert.Equal(t, partitions[tenant], m.partition)
			}
			keys[tenant], partitions[tenant] = m.key, m.partition
		}
	}
	require.Len(t, keys, 2)
	assert.NotEqual(t, keys["contoso"], keys["fabrikam"])
	last := map[any]string{}
	for _, r := range records { // of one partition in the order in which it has them
		of := [3]any{r.Resource["azure.tenant.id"], r.Attributes["microsoft.defender.source"], r.Attributes["microsoft.defender.alert.id"]}
		updated, _ := r.Attributes["microsoft.defender.updated"].(string)
		assert.GreaterOrEqual(t, updated, last[of])
		last[of] = updated
	}
}

func TestKafkaThatIsDownLosesNothingToAKill(t *testing.T) {
	t.Parallel()
	s, kafka := newKafkaStage(t, 1_000)
	made := s.made("kafka.yaml", kafka.environment())
	kafka.down()
	first := s.startShipped("kafka.yaml", kafka.environment(), kafka.trusting(s), quickly("kafka"), queueOf("kafka", 12_000_000))
	s.eventually("an attempt", func() bool { return len(first.logged("Exporting failed. Will retry", nil)) > 0 })
	s.eventually("a full queue", func() bool { return len(first.logged(fails, line{"reason": "pipeline_refused"})) > 0 })
	first.kill()
	kafka.up()
	second := s.startShipped("kafka.yaml", kafka.environment(), kafka.trusting(s), quickly("kafka"))
	records := kafka.reader(kafkaTopic).complete(s, made)
	second.terminate()
	t.Logf("%d repeats", whole(t, made, records))
}

func TestKafkaThatGoesDownAndComesBackGetsEverything(t *testing.T) {
	t.Parallel()
	s, kafka := newKafkaStage(t, 100)
	c := s.startShipped("kafka.yaml", kafka.environment(), kafka.trusting(s), quickly("kafka"))
	reader := kafka.reader(kafkaTopic)
	reader.complete(s, s.made("kafka.yaml", kafka.environment()))
	kafka.down()
	s.generate(100, time.Minute)
	s.eventually("an attempt", func() bool { return len(c.logged("unable to open connection to broker", nil)) > 0 })
	kafka.refuse(kerr.NotEnoughReplicas, kerr.RequestTimedOut, kerr.NotLeaderForPartition)
	kafka.up()
	made := s.made("kafka.yaml", kafka.environment())
	records := reader.complete(s, made)
	c.terminate()
	t.Logf("%d repeats", whole(t, made, records))
	assert.Equal(t, 3, kafka.refusalsDone())
	assert.Empty(t, c.logged("Dropping data", nil))
}

// A wrong password is not about the records.
func TestKafkaThatRefusesThePasswordLosesNothing(t *testing.T) {
	t.Parallel()
	s, kafka := newKafkaStage(t, 50)
	env := kafka.environment()
	made := s.made("kafka.yaml", env)
	kafka.lockOut(true)
	first := s.startShipped("kafka.yaml", env, kafka.trusting(s), quickly("kafka"))
	s.eventually("attempts", func() bool { return len(first.logged("Exporting failed. Will retry", nil)) > 1 })
	first.kill()
	assert.Empty(t, first.logged("Dropping data", nil))
	kafka.lockOut(false)
	second := s.startShipped("kafka.yaml", kafka.environment(), kafka.trusting(s), quickly("kafka"))
	records := kafka.reader(kafkaTopic).complete(s, made)
	second.terminate()
	assert.Zero(t, whole(t, made, records))
}

// The exporter takes a refusal of the topic for the last word on the records.
func TestKafkaSaysWhatItMayNotWrite(t *testing.T) {
	t.Parallel()
	s, kafka := newKafkaStage(t, 5)
	kafka.refuse(kerr.TopicAuthorizationFailed)
	c := s.startShipped("kafka.yaml", kafka.environment(), kafka.trusting(s))
	s.eventually("a line about it", func() bool { return len(c.logged("Dropping data", nil)) > 0 })
	s.cloud.World.Put(s.tenants[0].id, world.Alert{ID: "later"})
	reader := kafka.reader(kafkaTopic)
	s.eventually("a later alert", func() bool {
		for _, r := range reader.read(t) {
			if r.Attributes["microsoft.defender.alert.id"] == "later" {
				return true
			}
		}
		return false
	})
	c.terminate()
	dropped := c.logged("Dropping data", nil)
	assert.Contains(t, dropped[0].text("error"), "TOPIC_AUTHORIZATION_FAILED")
	assert.NotZero(t, dropped[0]["dropped_items"])
}

// The text of a record is twice as long in a message if all of it must be escaped.
func TestKafkaIsSparedWhatIsTooLarge(t *testing.T) {
	t.Parallel()
	s, kafka := newKafkaStage(t, 20)
	put := func(text string) {
		s.cloud.World.Put(s.tenants[1].id, world.Alert{Sources: []world.Source{world.GraphAlerts}, Members: map[string]any{"description": text}})
	}
	put(strings.Repeat(`"`, 190_000))
	put(strings.Repeat(`\`, 190_000))
	made := s.made("kafka.yaml", kafka.environment())
	put(strings.Repeat("x", 500_000))
	c := s.startShipped("kafka.yaml", kafka.environment(), kafka.trusting(s))
	records := kafka.reader(kafkaTopic).complete(s, made)
	s.eventually("a line about it", func() bool {
		return len(c.logged("A record cannot be used", line{"reason": "oversized"})) == 1
	})
	c.terminate()
	assert.Zero(t, whole(t, made, records))
	assert.Empty(t, c.logged("Dropping data", nil))
}

// With acknowledgements of all replicas a message whose outcome is unknown cannot be given up: a stop waits for the
// brokers, and whoever supervises the collector kills it.
func TestKafkaThatGoesDownLosesNothingToAStopThatIsCutShort(t *testing.T) {
	t.Parallel()
	s, kafka := newKafkaStage(t, 50)
	first := s.startShipped("kafka.yaml", kafka.environment(), kafka.trusting(s))
	reader := kafka.reader(kafkaTopic)
	reader.complete(s, s.made("kafka.yaml", kafka.environment()))
	kafka.down()
	s.generate(50, time.Minute)
	s.polled(2, s.tenants...)
	s.eventually("an attempt", func() bool { return len(first.logged("unable to open connection to broker", nil)) > 0 })
	require.NoError(t, first.cmd.Process.Signal(syscall.SIGTERM))
	s.eventually("the beginning of its end", func() bool { return len(first.logged("Starting shutdown", nil)) > 0 })
	first.kill()
	kafka.up()
	made := s.made("kafka.yaml", kafka.environment())
	second := s.startShipped("kafka.yaml", kafka.environment(), kafka.trusting(s))
	records := reader.complete(s, made)
	second.terminate()
	t.Logf("%d repeats", whole(t, made, records))
}
