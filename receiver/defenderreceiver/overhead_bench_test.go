package defenderreceiver

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/api"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/checkpoint"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/health"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/poll"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/schedule"
)

// idle answers at once that there is nothing new.
type idle struct{}

func (idle) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Request: req,
		Body: io.NopCloser(strings.NewReader(`{"@odata.context":"https://api.example/api/$metadata#Alerts","value":[]}`)),
	}, nil
}

// BenchmarkQuietPoll compares a poll that finds nothing new, among ten thousand tenants, with its HTTP exchange alone. What
// a poll costs beside that is the schedule, the window, the budget, the health and the checkpoint. A token that is there
// already has a benchmark of its own.
func BenchmarkQuietPoll(b *testing.B) {
	const many = 10_000
	client := api.New(&http.Client{Transport: idle{}}, &api.Client{Timeout: time.Minute, MaxResponse: 1 << 20, Limits: odata.Limits{MaxRecord: 1 << 20}})
	b.Run("whole", func(b *testing.B) {
		store := checkpoint.NewStore(storage.NewNopClient(), 0).Patient(checkpoint.Patience)
		ctx, cancel := context.WithCancel(b.Context())
		var serve sync.WaitGroup
		serve.Go(func() { store.Serve(ctx) })
		tasks := quietTasks(b, many, store)
		scheduler := schedule.New(1, 0)
		left := make(chan struct{}, b.N)
		for i := range min(many, b.N) {
			scheduler.Add(fmt.Sprint(i), time.Now(), func(ctx context.Context) schedule.Next {
				tasks[i].run(ctx)
				select {
				case left <- struct{}{}:
				case <-ctx.Done():
				}
				return schedule.Next{At: time.Now()} // the next tenant's turn comes first
			})
		}
		b.ReportAllocs()
		b.ResetTimer()
		serve.Go(func() { scheduler.Serve(ctx) })
		for range b.N {
			<-left
		}
		b.StopTimer()
		cancel()
		serve.Wait()
	})
	b.Run("exchange", func(b *testing.B) {
		b.ReportAllocs()
		header := http.Header{}
		for b.Loop() {
			_, err := client.Read(b.Context(), "https://api.example/api/alerts?$top=10000", header,
				func(odata.Element, func(func() error) error) error { return nil })
			require.NoError(b, err)
		}
	})
}

// quietTasks are those of tenants that have been polled once.
func quietTasks(b *testing.B, n int, store *checkpoint.Store) []*task {
	b.Helper()
	cfg := createDefaultConfig().(*Config) //nolint:forcetypeassert // our own
	cfg.Sources = map[string]*SourceConfig{"endpoint_alerts": {}}
	ts := tenantsOn(b, cfg, idle{}, store, schedule.New(1, 0))
	tasks := make([]*task, n)
	for i := range tasks {
		tenant := entraauth.Tenant{ID: fmt.Sprintf("00000000-0000-4000-8000-%012d", i), Name: fmt.Sprint("tenant ", i), Cloud: "public"}
		subject := health.Subject{TenantID: tenant.ID, Tenant: tenant.Name, Source: "endpoint_alerts"}
		ts.board.Add(subject)
		target, err := ts.feeds[0].settings.Source.Target(tenant.Cloud, ts.feeds[0].override)
		require.NoError(b, err)
		tasks[i] = ts.task(poll.Subject{Tenant: tenant, Target: target, Log: zap.NewNop()}, &ts.feeds[0], subject)
		tasks[i].run(b.Context())
	}
	return tasks
}
