package defenderreceiver_test

import (
	"fmt"
	"maps"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/api"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// v2Scope gets a token for the SIEM API's resource without the v1.0 endpoint.
const v2Scope = "https://graph.windows.net/.default"

// with configures these sources alone, with more keys for each.
func (b *bench) with(sources map[world.Source]map[string]any) map[string]any {
	endpoints := map[world.Source]string{
		world.EndpointAlerts: b.cloud.EndpointURL(), world.GraphAlerts: b.cloud.GraphURL(), world.GraphIncidents: b.cloud.GraphURL(),
		world.XDRIncidents: b.cloud.XDRURL(), world.SIEMAlerts: b.cloud.SIEMURL(),
	}
	b.sources = nil
	rows := map[string]any{}
	for source, more := range sources {
		row := map[string]any{"endpoint": endpoints[source]}
		maps.Copy(row, more)
		rows[string(source)] = row
		b.sources = append(b.sources, source)
	}
	return map[string]any{"sources": rows}
}

func everySource() map[world.Source]map[string]any {
	return map[world.Source]map[string]any{
		world.EndpointAlerts: nil, world.GraphAlerts: nil, world.GraphIncidents: nil, world.XDRIncidents: nil,
		world.SIEMAlerts: {"scope": v2Scope},
	}
}

func TestEverySourceArrivesOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil, contoso, fabrikam)
	now := time.Now()
	b.cloud.World.Generate(contoso, 150, now.Add(-20*time.Hour), now)
	b.cloud.World.Generate(fabrikam, 30, now.Add(-2*time.Hour), now)
	b.start(b.config(b.with(everySource())))
	b.complete(contoso, fabrikam)
	for _, source := range b.sources {
		assert.Zero(t, b.cloud.API.Violations("", ""), source)
	}
	names := map[string]bool{}
	for _, lr := range b.sink.all {
		names[text(lr.Attributes(), "microsoft.defender.source")+" "+lr.EventName()] = true
		if lr.EventName() == "microsoft.defender.incident" {
			assert.NotEmpty(t, text(lr.Attributes(), "microsoft.defender.alerts.count"))
			assert.NotEmpty(t, text(lr.Attributes(), "host.name"))
			assert.NotEmpty(t, text(lr.Attributes(), "user.name"))
		}
	}
	assert.Equal(t, map[string]bool{
		"endpoint_alerts microsoft.defender.alert": true, "graph_alerts microsoft.defender.alert": true,
		"graph_incidents microsoft.defender.incident": true, "xdr_incidents microsoft.defender.incident": true,
		"siem_alerts microsoft.defender.detection": true,
	}, names)
	for _, r := range b.cloud.API.Requests("", api.Graph) {
		assert.Equal(t, "include-unknown-enum-members", r.Prefer)
	}
}

// TestAMergedIncidentSaysWhereItWent: the first incident is delivered again, and names the one that has its alerts.
func TestAMergedIncidentSaysWhereItWent(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil, contoso)
	b.cloud.World.Put(contoso, world.Alert{Incident: 17}, world.Alert{Incident: 18})
	b.start(b.config(b.with(map[world.Source]map[string]any{world.GraphIncidents: nil, world.XDRIncidents: nil})))
	b.complete(contoso)
	b.cloud.World.Merge(contoso, 17, 18)
	b.complete(contoso)
	require.Equal(t, 8, b.sink.count())
	redirects := map[string]int{}
	for _, lr := range b.sink.all {
		if to := text(lr.Attributes(), "microsoft.defender.redirect_incident.id"); to != "" {
			redirects[text(lr.Attributes(), "microsoft.defender.incident.id")+" to "+to]++
			assert.Equal(t, "updated", text(lr.Attributes(), "microsoft.defender.change"))
		}
	}
	assert.Equal(t, map[string]int{"17 to 18": 2}, redirects)
}

// TestTheTimesOfEmbeddedAlertsDoNotMoveTheCursor: alerts in the simulated XDR incidents say that they were updated half an
// hour later than their incident. What is updated after such an incident must not count as read.
func TestTheTimesOfEmbeddedAlertsDoNotMoveTheCursor(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil, contoso)
	b.cloud.World.Put(contoso, world.Alert{Incident: 1})
	b.start(b.config(b.with(map[world.Source]map[string]any{world.XDRIncidents: {"overlap": "1s"}})))
	b.complete(contoso)
	for i := range int64(3) {
		asked := len(b.cloud.API.Requests(contoso, api.XDR))
		b.eventually("two polls", func() bool { return len(b.cloud.API.Requests(contoso, api.XDR)) >= asked+2 })
		b.cloud.World.Put(contoso, world.Alert{Incident: 2 + i})
		b.complete(contoso)
	}
	for _, r := range b.cloud.API.Requests(contoso, api.XDR) {
		u, err := url.Parse(r.URL)
		require.NoError(t, err)
		var from, to string
		_, err = fmt.Sscanf(u.Query().Get("$filter"), "lastUpdateTime ge %s and lastUpdateTime le %s", &from, &to)
		require.NoError(t, err)
		until, err := time.Parse(time.RFC3339Nano, to)
		require.NoError(t, err)
		assert.Less(t, until.Sub(r.Started), time.Minute, "an interval ends now, not at an alert's time")
	}
}

func TestBothWaysOfPagingXDRIncidents(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string][]api.Fault{"by skip": nil, "by nextLink": {api.NextLinks()}, "pages of the server": {api.ServerPages(10)}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, nil, contoso)
			if faults != nil {
				b.cloud.API.Inject(api.Rule{API: api.XDR, Faults: faults})
			}
			at := time.Now().Add(-time.Minute)
			b.cloud.World.Generate(contoso, 30, at, at) // on one tick, but for those of one incident
			b.cloud.World.Generate(contoso, 15, at.Add(-time.Hour), at)
			b.start(b.config(b.with(map[world.Source]map[string]any{world.XDRIncidents: {"page_size": 12}})))
			b.complete(contoso)
			assert.Zero(t, b.cloud.API.Violations("", ""))
		})
	}
}

func TestDetectionsOfOneTickThatAreMoreThanAPage(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string][]api.Fault{"inclusive bounds": nil, "exclusive bounds": {api.ExclusiveBounds()}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, nil, contoso)
			if faults != nil {
				b.cloud.API.Inject(api.Rule{API: api.SIEM, Faults: faults})
			}
			at := time.Now().Add(-time.Minute)
			b.cloud.World.Generate(contoso, 40, at, at)
			b.cloud.World.Generate(contoso, 2, at.Add(world.Tick), at.Add(world.Tick))
			b.cloud.World.Generate(contoso, 2, at.Add(-world.Tick), at.Add(-world.Tick))
			b.start(b.config(b.with(map[world.Source]map[string]any{world.SIEMAlerts: {"scope": v2Scope, "page_size": 40}})))
			b.complete(contoso)
		})
	}
}

func TestWhatDetectionsAreNarrowedTo(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil, contoso)
	b.cloud.World.Generate(contoso, 30, time.Now().Add(-time.Hour), time.Now())
	b.start(b.config(b.with(map[world.Source]map[string]any{world.SIEMAlerts: {
		"scope": v2Scope, "machine_groups": []any{"Servers", "Workstations"}, "device_created_machine_tags": "pilot",
	}})))
	tagged := 0
	for _, v := range b.cloud.World.Find(contoso, world.Query{Source: world.SIEMAlerts}) {
		if v.Property("DeviceCreatedMachineTags") == "pilot" {
			tagged++
		}
	}
	require.Positive(t, tagged)
	b.eventually("the tagged ones", func() bool { return b.sink.count() >= tagged })
	asked := b.cloud.API.Requests(contoso, api.SIEM)
	assert.Equal(t, tagged, b.sink.count())
	u, err := url.Parse(asked[0].URL)
	require.NoError(t, err)
	assert.Equal(t, []string{"Servers", "Workstations"}, u.Query()["machinegroups"])
	assert.Equal(t, "pilot", u.Query().Get("DeviceCreatedMachineTags"))
	assert.False(t, u.Query().Has("CloudCreatedMachineTags"))
}

func TestWarningsAtTheStart(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil, contoso)
	b.start(b.config(b.with(map[world.Source]map[string]any{
		world.EndpointAlerts: {"region": "mars"}, world.SIEMAlerts: {"region": "eu", "scope": v2Scope},
	})))
	deprecated := b.logged("that Microsoft has deprecated", nil)
	require.Len(t, deprecated, 1)
	assert.Equal(t, "siem_alerts", deprecated[0].ContextMap()["source"])
	assert.Equal(t, "graph_alerts", deprecated[0].ContextMap()["successor"])
	unknown := b.logged("`region` is not one that is known here", nil)
	require.Len(t, unknown, 1)
	assert.Equal(t, "mars", unknown[0].ContextMap()["region"])
}

// TestASourceThatACloudDoesNotOfferIsReportedOnceForTheTenant, and nothing else is.
func TestASourceThatACloudDoesNotOfferIsReportedOnceForTheTenant(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]any{"tenants": []any{
		map[string]any{"id": contoso, "name": "government", "cloud": "usgov_gcc"},
		map[string]any{"id": fabrikam, "name": "shanghai", "cloud": "china"},
	}})
	b.cloud.AddTenant(contoso, "government")
	b.cloud.AddTenant(fabrikam, "shanghai")
	conf := b.with(map[world.Source]map[string]any{world.GraphIncidents: nil, world.SIEMAlerts: nil})
	b.sources = []world.Source{world.GraphIncidents}
	b.cloud.World.Generate(contoso, 5, time.Now().Add(-time.Hour), time.Now())
	b.start(b.config(conf))
	b.complete(contoso)
	for name, sources := range map[string][]string{"government": {"siem_alerts"}, "shanghai": {"graph_incidents", "siem_alerts"}} {
		lines := b.logged("A source is not polled for a tenant", map[string]any{"tenant": name})
		var named []string
		for _, l := range lines {
			named = append(named, l.ContextMap()["source"].(string))
		}
		assert.ElementsMatch(t, sources, named)
	}
	assert.Empty(t, b.cloud.API.Requests(fabrikam, ""))
	assert.Empty(t, b.cloud.API.Requests("", api.SIEM))
}

// TestFaultsOfEverySource: what is not an answer of the API is an error with its reason, in every source, and nothing is
// lost by it.
func TestFaultsOfEverySource(t *testing.T) {
	t.Parallel()
	for source, more := range everySource() {
		for reason, fault := range map[string]api.Fault{
			"not_a_page": api.Truncated(), "network": api.BrokenOff(), "answer_too_large": api.Huge(8<<20, 4_000), "forbidden": api.Status(403),
		} {
			t.Run(string(source)+"/"+reason, func(t *testing.T) {
				t.Parallel()
				b := newBench(t, nil, contoso)
				b.cloud.World.Generate(contoso, 10, time.Now().Add(-time.Hour), time.Now())
				heal := b.cloud.API.Inject(api.Rule{Source: source, Faults: []api.Fault{fault}})
				conf := b.with(map[world.Source]map[string]any{source: more})
				conf["max_response_size"] = "4MiB"
				b.start(b.config(conf))
				failing := map[string]any{"source": string(source), "reason": reason}
				b.eventually("the line", func() bool { return len(b.logged("Polling a tenant fails", failing)) > 0 })
				heal()
				b.complete(contoso)
			})
		}
	}
}
