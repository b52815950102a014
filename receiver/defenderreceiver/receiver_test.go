package defenderreceiver_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/api"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/entra"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

func TestAlertsOfEveryTenantArriveOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil, contoso, fabrikam)
	now := time.Now()
	b.cloud.World.Generate(contoso, 120, now.Add(-20*time.Hour), now)
	b.cloud.World.Generate(fabrikam, 80, now.Add(-2*time.Hour), now)
	b.start(b.config(nil))
	b.complete(contoso, fabrikam)
	assert.Equal(t, 400, b.sink.count())

	resource := b.sink.logs[0].ResourceLogs().At(0).Resource().Attributes().AsRaw()
	assert.Equal(t, "azure", resource["cloud.provider"])
	assert.Equal(t, "microsoft-defender", resource["service.name"])
	assert.Equal(t, "C-"+resource["azure.tenant.name"].(string), resource["customer.id"])
	scope := b.sink.logs[0].ResourceLogs().At(0).ScopeLogs().At(0).Scope()
	assert.Equal(t, "github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver", scope.Name())
	assert.Equal(t, "1.2.3", scope.Version())
}

func TestANewVersionArrivesAsAnUpdate(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil, contoso)
	b.cloud.World.Put(contoso, world.Alert{ID: "da1", Sources: []world.Source{world.GraphAlerts}})
	b.start(b.config(nil))
	b.complete(contoso)
	b.cloud.World.Put(contoso, world.Alert{ID: "da1", Sources: []world.Source{world.GraphAlerts}, Revision: 1, Status: "resolved"})
	b.complete(contoso)
	require.Equal(t, 2, b.sink.count())
	assert.Equal(t, "created", text(b.sink.all[0].Attributes(), "microsoft.defender.change"))
	assert.Equal(t, "updated", text(b.sink.all[1].Attributes(), "microsoft.defender.change"))
	assert.Equal(t, "resolved", text(b.sink.all[1].Attributes(), "microsoft.defender.status"))
}

func TestARestartGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil, contoso)
	storage := b.storage()
	now := time.Now()
	b.cloud.World.Generate(contoso, 50, now.Add(-time.Hour), now)
	cfg := b.config(map[string]any{"storage": storage})
	stop := b.start(cfg)
	b.complete(contoso)
	stop()
	b.cloud.World.Generate(contoso, 30, time.Now(), time.Now())
	b.start(cfg)
	b.complete(contoso)
	assert.Equal(t, 160, b.sink.count(), "nothing was repeated")
}

func TestOneTenantsFaultsDoNotTouchTheOthers(t *testing.T) {
	t.Parallel()
	const broken = fabrikam
	faults := map[string]struct {
		fault  api.Fault
		reason string
	}{
		"truncated":         {api.Truncated(), "not_a_page"},
		"broken off":        {api.BrokenOff(), "network"},
		"HTML":              {api.HTML(), "not_a_page"},
		"no value":          {api.NoValue(), "not_a_page"},
		"null value":        {api.NullValue(), "not_a_page"},
		"server error":      {api.Status(503), "server_error"},
		"forbidden":         {api.Status(403), "forbidden"},
		"throttled":         {api.Throttled("1"), "throttled"},
		"reset":             {api.Reset(), "network"},
		"foreign next link": {api.ForeignNextLink("https://elsewhere.example/api/alerts"), "foreign_next_link"},
		"absurd size":       {api.Huge(8<<20, 4000), "answer_too_large"},
		"hang":              {api.Hang(), "timeout"},
	}
	for name, tt := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, nil, contoso, broken)
			now := time.Now()
			b.cloud.World.Generate(contoso, 10, now.Add(-time.Hour), now)
			b.cloud.World.Generate(broken, 10, now.Add(-time.Hour), now)
			heal := b.cloud.API.Inject(api.Rule{Tenant: broken, Faults: []api.Fault{tt.fault}})
			b.start(b.config(map[string]any{"max_response_size": "4MiB", "timeout": "2s"}))
			b.complete(contoso)
			failing := map[string]any{
				"tenant": "tenant-2", "azure.tenant.id": broken, "source": "graph_alerts", "reason": tt.reason,
			}
			b.eventually("the line that names the tenant", func() bool { return len(b.logged("Polling a tenant fails", failing)) > 0 })
			assert.NotEmpty(t, b.logged("Polling a tenant fails", failing)[0].ContextMap()["action"])
			assert.Empty(t, b.logged("Polling a tenant fails", map[string]any{"tenant": "tenant-1"}))

			heal()
			b.complete(broken)
			b.eventually("the line that it works again", func() bool {
				return len(b.logged("works again", map[string]any{"tenant": "tenant-2", "source": "graph_alerts"})) > 0
			})
			assert.Len(t, b.logged("Polling a tenant fails", failing), 1, "one line for a change of state")
		})
	}
}

func TestATenantWithoutConsentIsNamed(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]any{"recheck_interval": "1s"}, contoso, fabrikam)
	b.cloud.Entra.SetTenant(entra.Tenant{ID: fabrikam, Consented: false})
	b.cloud.World.Generate(contoso, 5, time.Now().Add(-time.Hour), time.Now())
	b.cloud.World.Generate(fabrikam, 5, time.Now().Add(-time.Hour), time.Now())
	b.start(b.config(nil))
	b.complete(contoso)
	fields := map[string]any{"tenant": "tenant-2", "reason": "not_consented"}
	b.eventually("the line", func() bool { return len(b.logged("Polling a tenant fails", fields)) == 2 })
	line := b.logged("Polling a tenant fails", fields)[0].ContextMap()
	assert.Contains(t, line["action"], "administrator of the customer")
	assert.Contains(t, line["error"], "AADSTS700016")
	assert.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError}, b.host.statuses())

	b.cloud.AddTenant(fabrikam, "fabrikam") // the customer consents
	b.complete(fabrikam)
	b.eventually("the status", func() bool {
		s := b.host.statuses()
		return len(s) == 2 && s[1] == componentstatus.StatusOK
	})
}

func TestARefusingPipelineLosesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil, contoso, fabrikam)
	now := time.Now()
	b.cloud.World.Generate(contoso, 50, now.Add(-time.Hour), now)
	b.cloud.World.Generate(fabrikam, 50, now.Add(-time.Hour), now)
	b.sink.setRefuse(func(logs plog.Logs) error {
		if text(logs.ResourceLogs().At(0).Resource().Attributes(), "azure.tenant.id") == fabrikam {
			return errQueueFull
		}
		return nil
	})
	b.start(b.config(nil))
	b.complete(contoso)
	b.eventually("the line", func() bool {
		return len(b.logged("Polling a tenant fails", map[string]any{"tenant": "tenant-2", "reason": "pipeline_refused"})) > 0
	})
	b.sink.setRefuse(nil)
	b.complete(fabrikam)
}

func TestAPermanentRefusalIsLoggedWithItsIDs(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil, contoso)
	ids := b.cloud.World.Put(contoso, world.Alert{ID: "da-refused", Sources: []world.Source{world.EndpointAlerts}})
	refusals := 0
	b.sink.setRefuse(func(plog.Logs) error { refusals++; return consumererror.NewPermanent(errQueueFull) })
	b.start(b.config(nil))
	b.eventually("the line", func() bool { return len(b.logged("refused records for good", nil)) > 0 })
	b.sink.setRefuse(nil)
	b.cloud.World.Put(contoso, world.Alert{ID: "da-later", Sources: []world.Source{world.EndpointAlerts}})
	b.eventually("the next alert", func() bool { return b.sink.count() > 0 })
	assert.Equal(t, 1, b.sink.count(), "what was refused for good is not sent again")
	assert.Equal(t, 1, refusals)
	assert.Equal(t, []any{ids[0]}, b.logged("refused records for good", nil)[0].ContextMap()["ids"])
	_, err := b.telemetry.GetMetric("otelcol_receiver_defender_refused")
	require.NoError(t, err)
}

func TestUnusableRecordsAreQuarantinedAndTheRestFlows(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil, contoso)
	b.cloud.World.Generate(contoso, 20, time.Now().Add(-time.Hour), time.Now())
	b.cloud.API.Inject(api.Rule{Faults: []api.Fault{api.WithBadRecords(api.BadRecords()...)}})
	b.start(b.config(map[string]any{"initial_lookback": "2h"}))
	b.complete(contoso)
	for _, reason := range []string{"not_an_object", "no_id", "no_update_time", "too_deep", "foreign_tenant"} {
		b.eventually(reason, func() bool {
			return len(b.logged("cannot be used", map[string]any{"tenant": "tenant-1", "reason": reason})) > 0
		})
	}
	assert.Empty(t, b.logged("Polling a tenant fails", nil))
}

func TestTheTenantsFileIsFollowedWithinSeconds(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "tenants.yaml")
	write := func(ids ...string) {
		list := "tenants:\n"
		for _, id := range ids {
			list += fmt.Sprintf("  - {id: %s}\n", id)
		}
		require.NoError(t, os.WriteFile(file, []byte(list), 0o600))
	}
	write(contoso)
	b := newBench(t, map[string]any{"tenants_file": file})
	b.cloud.AddTenant(contoso, "contoso")
	b.cloud.AddTenant(fabrikam, "fabrikam")
	b.cloud.World.Generate(contoso, 5, time.Now().Add(-time.Hour), time.Now())
	b.cloud.World.Generate(fabrikam, 5, time.Now().Add(-time.Hour), time.Now())
	b.start(b.config(nil))
	b.complete(contoso)

	added := time.Now()
	write(contoso, fabrikam)
	b.complete(fabrikam)
	assert.Less(t, time.Since(added), patience/2)

	write(fabrikam)
	b.eventually("contoso is no longer polled while fabrikam is", func() bool {
		before := len(b.cloud.API.Requests(contoso, api.Graph))
		b.polls(fabrikam, 5)
		return len(b.cloud.API.Requests(contoso, api.Graph)) == before
	})
	b.cloud.World.Generate(contoso, 5, time.Now(), time.Now())
	write(contoso, fabrikam)
	b.complete(contoso)
	assert.Equal(t, 30, b.sink.count(), "the tenant goes on where it was")
}

func TestStartNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil, contoso)
	tests := map[string]struct {
		extra map[string]any
		want  string
	}{
		"no such authenticator": {map[string]any{"auth": map[string]any{"authenticator": "nobody"}}, "`auth` names nobody"},
		"no such storage":       {map[string]any{"storage": "nowhere"}, "`storage` names nowhere"},
		"not a storage":         {map[string]any{"storage": "entra_auth"}, "not a storage extension"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rcv := b.create(b.config(tt.extra))
			err := rcv.Start(context.Background(), b.host)
			require.ErrorContains(t, err, tt.want)
			require.NoError(t, rcv.Shutdown(context.Background()))
		})
	}
}

func TestLifecycle(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil, contoso)
	cfg := b.config(nil)
	unstarted := b.create(cfg)
	require.NoError(t, unstarted.Shutdown(context.Background()))
	for range 2 {
		rcv := b.create(cfg)
		require.NoError(t, rcv.Start(context.Background(), b.host))
		require.NoError(t, rcv.Shutdown(context.Background()))
		require.NoError(t, rcv.Shutdown(context.Background()), "twice does no harm")
	}
}

func TestShutdownDoesNotWaitForAnAnswer(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil, contoso)
	b.cloud.API.Inject(api.Rule{Faults: []api.Fault{api.Hang()}})
	stop := b.start(b.config(nil))
	b.eventually("a token was fetched, so that a request hangs now", func() bool { return len(b.cloud.Entra.Issued()) > 0 })
	begun := time.Now()
	stop()
	assert.Less(t, time.Since(begun), 10*time.Second)
}
