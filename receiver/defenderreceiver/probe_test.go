package defenderreceiver_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/api"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/entra"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver"
)

func (b *bench) prober(cfg *defenderreceiver.Config) *defenderreceiver.Prober {
	b.t.Helper()
	set := receivertest.NewNopSettings(defenderreceiver.NewFactory().Type())
	p, err := defenderreceiver.NewProber(context.Background(), cfg, set, b.host)
	require.NoError(b.t, err)
	b.t.Cleanup(p.Close)
	return p
}

func TestProbeReadsOneRecordWithOneRequest(t *testing.T) {
	b := newBench(t, nil, contoso)
	updated := time.Now().Add(-time.Hour).Truncate(world.Tick)
	b.cloud.World.Put(contoso, world.Alert{Updated: updated}, world.Alert{Updated: updated.Add(-time.Hour)})
	p := b.prober(b.config(nil))
	tenant := entraauth.Tenant{ID: contoso, Name: "tenant-1", Cloud: "public"}
	for source, surface := range map[string]api.API{"endpoint_alerts": api.Endpoint, "graph_alerts": api.Graph} {
		found := p.Probe(t.Context(), tenant, source)
		assert.Empty(t, found.Reason, found.Cause)
		assert.Equal(t, 1, found.Records)
		assert.True(t, found.Newest.Equal(updated), found.Newest)
		assert.True(t, found.Answered)
		assert.Positive(t, found.Took)
		assert.Zero(t, found.ClockOffset)
		requests := b.cloud.API.Requests(contoso, surface)
		require.Len(t, requests, 1)
		assert.Equal(t, 1, requests[0].Records)
	}
	assert.Equal(t, 2, b.cloud.Entra.Count(contoso, ""), "a token for each API")
}

func TestProbeExplainsAsTheReceiverDoes(t *testing.T) {
	tests := map[string]struct {
		make             func(*bench)
		reason, code     string
		action           string
		answered, waited bool
	}{
		"not consented": {
			func(b *bench) { b.cloud.Entra.SetTenant(entra.Tenant{ID: contoso}) },
			"not_consented", "AADSTS700016", "an administrator of the customer must consent", false, false,
		},
		"no role": {
			func(b *bench) { b.cloud.Entra.SetTenant(entra.Tenant{ID: contoso, Consented: true}) },
			"no_role", "", "consent anew", false, false,
		},
		"throttled": {
			func(b *bench) { b.cloud.API.Inject(api.Rule{Faults: []api.Fault{api.Throttled("17")}}) },
			"throttled", "", "nobody", true, true,
		},
		"the feature is off": {
			func(b *bench) {
				b.cloud.API.Inject(api.Rule{Faults: []api.Fault{api.Refusal(http.StatusForbidden, "DisabledFeature", "off")}})
			},
			"forbidden", "", "the customer enables the feature", true, false,
		},
		"a proxy answers": {
			func(b *bench) { b.cloud.API.Inject(api.Rule{Faults: []api.Fault{api.HTML()}}) },
			"not_a_page", "", "something else than the API", true, false,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil, contoso)
			tt.make(b)
			found := b.prober(b.config(nil)).Probe(t.Context(), entraauth.Tenant{ID: contoso, Cloud: "public"}, "graph_alerts")
			assert.Equal(t, tt.reason, found.Reason, found.Cause)
			assert.Equal(t, tt.code, found.Code)
			assert.Contains(t, found.Action, tt.action)
			assert.NotEmpty(t, found.Cause)
			assert.Equal(t, tt.answered, found.Answered)
			assert.Equal(t, tt.waited, found.RetryAfter == 17*time.Second)
			assert.Zero(t, found.Records)
		})
	}
}

func TestAsksTellWhatEachSourceNeeds(t *testing.T) {
	cfg := defenderreceiver.NewFactory().CreateDefaultConfig().(*defenderreceiver.Config)
	cfg.Sources = map[string]*defenderreceiver.SourceConfig{"graph_alerts": nil, "endpoint_alerts": {Region: "eu"}}
	asks := cfg.Asks(entraauth.Tenant{ID: contoso, Cloud: "public"})
	require.Len(t, asks, 2)
	endpoint, graph := asks[0], asks[1]
	assert.Equal(t, "endpoint_alerts", endpoint.Source)
	assert.Equal(t, "https://eu.api.security.microsoft.com", endpoint.Endpoint)
	assert.Equal(t, "https://api.securitycenter.microsoft.com/.default", endpoint.Scope)
	assert.Contains(t, endpoint.Roles, "Alert.Read.All")
	assert.Contains(t, endpoint.Limits, defenderreceiver.Limit{Requests: 1_500, Window: time.Hour})
	assert.Equal(t, "https://graph.microsoft.com", graph.Endpoint)

	for _, ask := range cfg.Asks(entraauth.Tenant{ID: contoso, Cloud: "china"}) {
		assert.Contains(t, ask.NotOffered, "is not offered in the cloud china")
		assert.Empty(t, ask.Endpoint)
	}
	assert.Equal(t, "internal", new(defenderreceiver.Prober).Probe(t.Context(), entraauth.Tenant{}, "alerts").Reason)
}

func TestProbeTellsTheClockAndTheQuota(t *testing.T) {
	for _, ahead := range []time.Duration{time.Hour, -time.Hour, 0} {
		t.Run(ahead.String(), func(t *testing.T) {
			b := newBench(t, nil, contoso)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
				w.Header().Set("x-ms-throttle-limit-percentage", "0.9")
				_, _ = w.Write([]byte(`{"value":[]}`))
			}))
			t.Cleanup(server.Close)
			p := b.prober(b.config(map[string]any{"sources": map[string]any{"graph_alerts": map[string]any{"endpoint": server.URL}}}))
			found := p.Probe(t.Context(), entraauth.Tenant{ID: contoso, Cloud: "public"}, "graph_alerts")
			assert.Empty(t, found.Reason, found.Cause)
			assert.InDelta(t, ahead.Seconds(), found.ClockOffset.Seconds(), 3)
			assert.InDelta(t, 0.9, found.QuotaUsed, 0)
			if ahead == 0 {
				assert.Zero(t, found.ClockOffset)
			}
		})
	}
}

func TestProbeReadsEverySource(t *testing.T) {
	b := newBench(t, nil, contoso)
	b.cloud.World.Generate(contoso, 20, time.Now().Add(-time.Hour), time.Now())
	sources := everySource()
	sources[world.SIEMAlerts] = nil // with the v1.0 resource itself
	p := b.prober(b.config(b.with(sources)))
	for source := range sources {
		found := p.Probe(t.Context(), entraauth.Tenant{ID: contoso, Cloud: "public"}, string(source))
		assert.Empty(t, found.Reason, "%s: %s", source, found.Cause)
		assert.Equal(t, 1, found.Records, source)
		assert.False(t, found.Newest.IsZero(), source)
	}
}
