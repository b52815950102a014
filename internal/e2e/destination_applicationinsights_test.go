package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

const applicationInsights = "application-insights.yaml"

func newInsightsStage(t *testing.T, alerts int) (s *stage, insights *track, env map[string]string, over string) {
	t.Helper()
	s = newShippedStage(t, "provider", "contoso")
	s.generate(alerts, 20*time.Hour)
	insights = newTrack(t, s.cloud, s.tenants[0].id)
	env = map[string]string{"APPLICATIONINSIGHTS_CONNECTION_STRING": insights.connectionString()}
	return s, insights, env, fmt.Sprintf(`exporters: {azuremonitor: {tls: {ca_file: %s}}}`, insights.caFile(s.dir))
}

func TestApplicationInsightsGetsEveryFieldOfEveryAlert(t *testing.T) {
	t.Parallel()
	s, insights, env, over := newInsightsStage(t, 100)
	long := s.cloud.World.Put(s.tenants[0].id, world.Alert{Members: map[string]any{"description": string(make([]byte, 20_000))}})
	require.Len(t, long, 1)
	made := s.made(applicationInsights, env)
	c := s.startShipped(applicationInsights, env, over)
	s.eventually("all items", func() bool { return len(insights.items()) == len(made) })
	c.terminate()
	insights.strict()
	var wrong findings
	for uid, want := range made {
		items := insights.items()[uid]
		if len(items) != 1 {
			wrong.add("%s came %d times", uid, len(items))
			continue
		}
		if got := items[0]; !insightsFit(want, got) {
			wrong.add("%+v in place of %+v", got, want)
		}
	}
	wrong.none(t, "items that do not fit their records")
}

// insightsFit tells whether an item has every field of a record, cut where Application Insights cuts.
func insightsFit(want record, got envelope) bool {
	severity := map[string]int{"informational": 1, "low": 1, "medium": 2, "high": 3}
	body, _ := want.Body.(string)
	properties := map[string]string{"instrumentationlibrary.name": want.Scope, "instrumentationlibrary.version": want.ScopeVersion}
	for _, attributes := range []map[string]any{want.Resource, want.Attributes} {
		for key, value := range attributes {
			properties[key] = asText(value)
		}
	}
	d := got.Data.BaseData
	return d.Message == body[:min(len(body), trackMessage)] && got.Time.Equal(want.Time) && assert.ObjectsAreEqual(properties, d.Properties) &&
		d.SeverityLevel == severity[strings.ToLower(want.Severity)] && got.Tags["ai.cloud.role"] == want.Resource["service.name"]
}

func asText(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error() // which no destination has
	}
	return string(text)
}

func TestApplicationInsightsTriesSingleItemsAgain(t *testing.T) {
	t.Parallel()
	s, insights, env, over := newInsightsStage(t, 0)
	put := func(title string) {
		s.cloud.World.Put(s.tenants[1].id, world.Alert{Title: title, Sources: []world.Source{world.GraphAlerts}})
	}
	put("throttled item")
	put("bad item")
	put("good item")
	insights.refuseItem("throttled item", http.StatusTooManyRequests)
	insights.refuseItem("bad item", http.StatusBadRequest)
	c := s.startShipped(applicationInsights, env, over)
	s.eventually("the others", func() bool { return len(insights.items()) == 2 })
	c.terminate()
	titles := map[string]bool{}
	for _, items := range insights.items() {
		titles[items[0].Data.BaseData.Properties["microsoft.defender.title"]] = true
	}
	assert.Equal(t, map[string]bool{"throttled item": true, "good item": true}, titles)
	insights.strict()
}

// This is why application-insights.yaml says that sentinel.yaml loses nothing.
func TestApplicationInsightsLosesWhatIsOnItsWay(t *testing.T) {
	t.Parallel()
	s, insights, env, over := newInsightsStage(t, 10)
	insights.down()
	first := s.startShipped(applicationInsights, env, over)
	s.polled(2, s.tenants...)
	first.kill()
	insights.up()
	second := s.startShipped(applicationInsights, env, over)
	s.polled(2, s.tenants...)
	s.cloud.World.Put(s.tenants[0].id, world.Alert{Sources: []world.Source{world.GraphAlerts}})
	s.eventually("what came later", func() bool { return len(insights.items()) > 0 })
	second.terminate()
	assert.Len(t, insights.items(), 1, "the checkpoint had passed the others")
}
