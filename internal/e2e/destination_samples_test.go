package e2e_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// remembering lets the sample be of a day that does not change.
const remembering = `receivers: {defender: {initial_lookback: 87600h}}`

// sample puts the alert of the documentation's examples into a tenant.
func (s *stage) sample(tn tenant) {
	updated := time.Date(2026, 11, 22, 13, 50, 4, 123456700, time.UTC)
	s.cloud.World.Put(tn.id, world.Alert{
		ID: "da637551227677560813_-961444813", Sources: []world.Source{world.GraphAlerts}, Incident: 28282,
		Created: updated.Add(-9 * time.Minute), Updated: updated, Status: "New",
	})
}

// documented reads the first JSON block of a page of docs/destinations.
func documented(t *testing.T, page string) any {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "destinations", page))
	require.NoError(t, err)
	_, block, found := strings.Cut(string(text), "\n```json\n")
	require.True(t, found, page)
	block, _, _ = strings.Cut(block, "\n```")
	var parsed any
	require.NoError(t, json.Unmarshal([]byte(block), &parsed), page)
	return parsed
}

// shownAs requires that what a page shows is what there is. A text that ends in … is the beginning of one, and so is a
// list.
func shownAs(t *testing.T, shown, there any) {
	t.Helper()
	text, err := json.MarshalIndent(there, "", "  ")
	require.NoError(t, err)
	var plain any
	require.NoError(t, json.Unmarshal(text, &plain))
	assert.Equal(t, shown, shortened(shown, plain), "%s", text)
}

// shortened cuts the texts that another value has cut.
func shortened(as, value any) any {
	switch v := value.(type) {
	case string:
		if text, ok := as.(string); ok && strings.HasSuffix(text, "…") && strings.HasPrefix(v, strings.TrimSuffix(text, "…")) {
			return text
		}
	case map[string]any:
		other, _ := as.(map[string]any)
		for key := range v {
			v[key] = shortened(other[key], v[key])
		}
	case []any:
		other, _ := as.([]any)
		cut := len(other) > 0 && other[len(other)-1] == "…"
		if cut && len(v) >= len(other) {
			v = append(v[:len(other)-1], "…")
		}
		for i := range min(len(v), len(other)) {
			v[i] = shortened(other[i], v[i])
		}
		return v
	}
	return value
}

// The columns are those of the table OTelLogs that Azure Monitor fills from a record.
func TestTheSampleOnTheSentinelPageIsWhatArrives(t *testing.T) {
	t.Parallel()
	s, azure, env := newSentinel(t, 0)
	s.sample(s.tenants[1])
	c := s.startShipped(sentinel, env, azure.trusting(s, "otlp_http"), remembering)
	s.eventually("the sample", func() bool { return len(azure.arrived()) == 1 })
	c.terminate()
	r := azure.arrived()[0]
	shownAs(t, documented(t, "sentinel.md"), map[string]any{
		"TimeGenerated": r.Time.Format(time.RFC3339Nano), "SeverityText": r.Severity, "SeverityNumber": r.SeverityNumber, "Body": r.Body,
		"Attributes": r.Attributes, "ResourceAttributes": r.Resource, "ScopeName": r.Scope, "ServiceName": r.Resource["service.name"],
	})
}

func TestTheSampleOnTheKafkaPageIsWhatArrives(t *testing.T) {
	t.Parallel()
	s, kafka := newKafkaStage(t, 0)
	s.sample(s.tenants[0])
	env := kafka.environment()
	c := s.startShipped("kafka.yaml", env, kafka.trusting(s), remembering)
	reader := kafka.reader(kafkaTopic)
	var messages []*kgo.Record
	s.eventually("the sample", func() bool {
		messages = append(messages, reader.client.PollFetches(t.Context()).Records()...)
		return len(messages) > 0
	})
	c.terminate()
	var message map[string]any
	require.NoError(t, json.Unmarshal(messages[0].Value, &message))
	scope := within(t, message, "resourceLogs", "scopeLogs")
	delete(scope["scope"].(map[string]any), "version")
	delete(within(t, scope, "logRecords"), "observedTimeUnixNano")
	shownAs(t, documented(t, "kafka.md"), message)
}

// within descends along the first elements of lists.
func within(t *testing.T, value map[string]any, keys ...string) map[string]any {
	t.Helper()
	for _, key := range keys {
		list, _ := value[key].([]any)
		require.NotEmpty(t, list, key)
		value, _ = list[0].(map[string]any)
	}
	return value
}
