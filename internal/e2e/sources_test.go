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

// endpointOf is where the cloud answers for a source.
func endpointOf(source world.Source) string {
	return map[world.Source]string{
		world.EndpointAlerts: "/defender", world.GraphAlerts: "/graph", world.GraphIncidents: "/graph", world.XDRIncidents: "/xdr", world.SIEMAlerts: "/siem",
	}[source]
}

// configured makes the collector poll these sources besides those of all tests, or with more keys.
func (s *stage) configured(sources map[world.Source]string) string {
	var rows []string
	s.sources = []world.Source{world.EndpointAlerts, world.GraphAlerts}
	for source, more := range sources {
		rows = append(rows, string(source)+`: {endpoint: "${env:E2E_CLOUD}`+endpointOf(source)+`"`+more+`}`)
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

// allSources is every source at once, with small pages so that there are many.
func (s *stage) allSources() string {
	return s.configured(map[world.Source]string{
		world.EndpointAlerts: ", page_size: 50", world.GraphAlerts: ", page_size: 50",
		world.GraphIncidents: ", page_size: 40", world.XDRIncidents: ", page_size: 40",
		// The v2.0 endpoint gives a token for the same resource.
		world.SIEMAlerts: ", page_size: 150, scope: https://graph.windows.net/.default",
	})
}

func TestEverySourceOfManyTenantsArrivesOnceAcrossARestart(t *testing.T) {
	t.Parallel()
	s := newStage(t, 5)
	over := s.allSources()
	for _, a := range api.APIs() {
		s.cloud.API.SetQuota(a, api.Quota{}) // each process counts its own requests
	}
	s.generate(60, 20*time.Hour)
	first := s.start(over, `receivers: {defender: {poll_interval: 4s, overlap: 30s}}`)
	s.arrived(s.tenants...)
	stop := s.live(world.Life{Interval: 100 * time.Millisecond, New: 0.4, Late: 0.1, LateBy: 3 * time.Second, Burst: 0.05, BurstSize: 10, Merge: 0.1})
	s.polled(4, s.tenants...)
	stopped := time.Now()
	first.terminate()
	second := s.start(over, `receivers: {defender: {poll_interval: 4s, overlap: 30s}}`)
	s.polled(1, s.tenants...)
	restarted := time.Now()
	s.polled(3, s.tenants...)
	stop()
	s.arrived(s.tenants...)
	second.terminate()

	a := s.audit(s.sink.all())
	a.genuine()
	a.once()
	replaced := a.replaced()
	a.complete(func(v *world.Version) bool {
		until, gone := replaced[v]
		switch {
		case !gone:
			return true
		case v.Served() == 0:
			return false // no poll fell into its life
		default: // a poll that the restart broke off may have seen it
			return until.Before(stopped.Add(-time.Second)) || v.VisibleFrom.After(restarted)
		}
	})
	redirected := 0
	for _, source := range s.sources {
		of := ofSource(a.alerts, source)
		assert.NotEmpty(t, of, source)
		for _, one := range of {
			if one.redirect != "" {
				redirected++
				assert.Contains(t, strings.ToLower(one.body), `"status":"redirected"`)
			}
		}
	}
	assert.NotZero(t, redirected, "merged incidents are kept, and say where to")
	assert.Len(t, first.logged("that Microsoft has deprecated", line{"source": "siem_alerts"}), 1)
	assert.Empty(t, first.logged("", line{"level": "error"}))
	assert.Empty(t, second.logged("", line{"level": "error"}))
	assert.Empty(t, second.logged(fails, nil))
	t.Logf("%d versions arrived, of %d that there were", len(a.arrived), len(a.ledger))
}

// The wait that Defender XDR writes into the text of a 429 is kept like a header's.
func TestTheWaitInTheTextOfDefenderXDRIsKept(t *testing.T) {
	t.Parallel()
	s := newStage(t, 1)
	over := s.configured(map[world.Source]string{world.XDRIncidents: ", poll_interval: 1s"})
	s.generate(5, time.Hour)
	s.cloud.API.Inject(api.Rule{Source: world.XDRIncidents, Times: 1, Faults: []api.Fault{api.Throttled("6")}})
	c := s.start(over)
	s.arrived(s.tenants...)
	requests := s.cloud.API.Requests("", api.XDR)
	require.GreaterOrEqual(t, len(requests), 2)
	assert.Equal(t, 429, requests[0].Status)
	assert.GreaterOrEqual(t, requests[1].Started.Sub(requests[0].Started), 6*time.Second)
	assert.Len(t, c.logged(fails, line{"source": "xdr_incidents", "reason": "throttled"}), 1)
	c.terminate()
	s.arrivedOnce()
}

// Without a scope of its own siem_alerts asks the v1.0 endpoint for a token.
func TestDetectionsArriveWithATokenOfTheV1Endpoint(t *testing.T) {
	t.Parallel()
	s := newStage(t, 2)
	over := s.configured(map[world.Source]string{world.SIEMAlerts: ""})
	s.generate(10, time.Hour)
	c := s.start(over)
	s.arrived(s.tenants...)
	c.terminate()
	s.arrivedOnce()
}
