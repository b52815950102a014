package e2e_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/api"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// configured makes the collector poll these sources besides those of all tests, or with more keys.
func (s *stage) configured(sources map[world.Source]string) string {
	endpoints := map[world.Source]string{
		world.EndpointAlerts: "/defender", world.GraphAlerts: "/graph", world.GraphIncidents: "/graph", world.XDRIncidents: "/xdr", world.SIEMAlerts: "/siem",
	}
	var rows []string
	s.sources = []world.Source{world.EndpointAlerts, world.GraphAlerts}
	for source, more := range sources {
		rows = append(rows, string(source)+`: {endpoint: "${env:E2E_CLOUD}`+endpoints[source]+`"`+more+`}`)
		if source != world.EndpointAlerts && source != world.GraphAlerts {
			s.sources = append(s.sources, source)
		}
	}
	return `receivers: {defender: {sources: {` + strings.Join(rows, ", ") + `}}}`
}

// ofSource are the records of a source among those that arrived.
func ofSource(alerts []alert, source world.Source) (found []alert) {
	for _, a := range alerts {
		if a.source == string(source) {
			found = append(found, a)
		}
	}
	return found
}

func TestIncidentsArriveWhoseExpansionFails(t *testing.T) {
	t.Parallel()
	s := newStage(t, 2)
	over := s.configured(map[world.Source]string{world.GraphIncidents: ", poll_interval: 2s"})
	begun := time.Now().Add(-time.Hour)
	for i := range 30 {
		s.cloud.World.Put(s.tenants[0].id, world.Alert{Updated: begun.Add(time.Duration(i) * time.Second), Incident: int64(1 + i%10)})
	}
	lost := s.cloud.World.Put(s.tenants[0].id, world.Alert{Updated: begun.Add(time.Minute), Incident: 3})[0]
	s.cloud.World.Generate(s.tenants[1].id, 5, begun, time.Now())
	// Of 2 only the list fails, of 3 and 4 the single incident too, and of 3 one alert as well.
	s.cloud.API.Inject(api.Rule{Source: world.GraphIncidents, Faults: []api.Fault{
		api.ListedExpansionFails("2"), api.ExpansionFails("3", "4"), api.Unreadable(lost),
	}})
	c := s.start(over)
	s.arrived(s.tenants...)
	s.polled(1, s.tenants...)
	c.terminate()

	a := s.audit(s.sink.all())
	a.whole = func(v *world.Version) string {
		if v.Tenant != s.tenants[0].id || v.Source != world.GraphIncidents || v.ID != "3" {
			return string(v.JSON())
		}
		return withoutAlert(v, lost)
	}
	a.genuine()
	a.complete(everything)
	a.once()
	s.withinQuotas()
	left := c.logged("is delivered without some of its alerts", nil)
	require.Len(t, left, 1, "said once")
	assert.Equal(t, "3", left[0].text("id"))
	assert.InDelta(t, 1, left[0]["left_out_at_least"], 0)
	assert.Empty(t, c.logged(fails, line{"tenant": s.tenants[1].name}))
}

// withoutAlert is the text of an incident from which an alert was left out.
func withoutAlert(v *world.Version, id string) string {
	var texts []string
	for _, alert := range v.Alerts() {
		if alert.ID != id {
			texts = append(texts, string(alert.JSON()))
		}
	}
	text := string(v.AppendJSON(nil, world.Form{UnknownMembers: true}))
	return strings.TrimSuffix(text, "}") + `,"alerts":[` + strings.Join(texts, ",") + "]}"
}
