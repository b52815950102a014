package defenderreceiver

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"golang.org/x/sync/semaphore"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/api"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/checkpoint"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/health"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/metadata"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/metadatatest"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/poll"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/schedule"
)

// tenantsOn are the tenants of a receiver whose APIs are transport.
func tenantsOn(tb testing.TB, cfg *Config, transport http.RoundTripper, store *checkpoint.Store, scheduler *schedule.Scheduler) *tenants {
	tb.Helper()
	telemetry := componenttest.NewTelemetry()
	tb.Cleanup(func() { require.NoError(tb, telemetry.Shutdown(context.Background())) })
	set := metadatatest.NewSettings(telemetry)
	set.Logger = receivertest.NewNopSettings(metadata.Type).Logger
	builder, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	require.NoError(tb, err)
	board := health.NewBoard(set.Logger, func(*componentstatus.Event) {}, time.Now)
	require.NoError(tb, board.Register(builder))
	client := api.New(&http.Client{Transport: transport},
		&api.Client{Timeout: cfg.HTTP.Timeout, MaxResponse: 1 << 20, Limits: odata.Limits{MaxRecord: 1 << 20}})
	return newTenants(cfg, set, poll.Services{
		Client: client, Store: store, Memory: semaphore.NewWeighted(1 << 20), MaxMemory: 1 << 20, ClockWarning: &poll.ClockWarning{}, Now: time.Now,
	}, scheduler, board, builder, defaultPace())
}

// clockwork answers at once that there is nothing new, except for tenants that hang or fail, and remembers when each was
// asked. Time is a bubble's.
type clockwork struct {
	mu    sync.Mutex
	hangs map[string]bool
	fails map[string]bool
	asked map[string][]time.Time
}

func (c *clockwork) RoundTrip(req *http.Request) (*http.Response, error) {
	r, _ := entraauth.FromContext(req.Context())
	c.mu.Lock()
	c.asked[r.TenantID] = append(c.asked[r.TenantID], time.Now())
	hangs, fails := c.hangs[r.TenantID], c.fails[r.TenantID]
	c.mu.Unlock()
	if hangs {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	res, err := idle{}.RoundTrip(req)
	if fails {
		res.StatusCode = http.StatusForbidden
	}
	return res, err
}

func (c *clockwork) fail(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fails = map[string]bool{id: true}
}

// of is when a tenant was asked since a time.
func (c *clockwork) of(id string, since time.Time) []time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	times := c.asked[id]
	i, _ := slices.BinarySearchFunc(times, since, time.Time.Compare)
	return slices.Clone(times[i:])
}

// longest is the longest time without a poll of a tenant between two times.
func (c *clockwork) longest(id string, from, to time.Time) time.Duration {
	var most time.Duration
	for _, at := range append(c.of(id, from), to) {
		most = max(most, at.Sub(from))
		from = at
	}
	return most
}

// runTenants polls until the end of the bubble's test.
func runTenants(t *testing.T, interval time.Duration, cloud *clockwork) *tenants {
	t.Helper()
	cfg := createDefaultConfig().(*Config) //nolint:forcetypeassert // our own
	cfg.PollInterval = interval
	cfg.Sources = map[string]*SourceConfig{"graph_alerts": {}}
	cloud.asked = map[string][]time.Time{}
	store := checkpoint.NewStore(storage.NewNopClient(), checkpoint.Spacing).Patient(checkpoint.Patience)
	scheduler := schedule.New(cfg.MaxConcurrency, firstEvery)
	ctx, cancel := context.WithCancel(context.Background())
	storeCtx, cancelStore := context.WithCancel(context.Background())
	var polling, storing sync.WaitGroup
	storing.Go(func() { store.Serve(storeCtx) })
	polling.Go(func() { scheduler.Serve(ctx) })
	t.Cleanup(func() {
		cancel()
		polling.Wait()
		cancelStore()
		storing.Wait()
	})
	return tenantsOn(t, cfg, cloud, store, scheduler)
}

// customers are n tenants with an attribute of this value.
func customers(name string, n int, attribute string) []entraauth.Tenant {
	list := make([]entraauth.Tenant, n)
	for i := range list {
		list[i] = entraauth.Tenant{
			ID: fmt.Sprintf("%s-%d", name, i), Name: name, Cloud: "public", Attributes: map[string]any{"tier": attribute},
		}
	}
	return list
}

// The hosts of most tenants are behind a firewall that drops everything.
func TestAStartThatHangsHoldsNobodyUp(t *testing.T) {
	const interval = time.Minute
	for name, c := range map[string]struct {
		down  int
		after time.Duration
	}{
		"since the start":     {500, 0},
		"added soon after it": {10_000, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				good, down := customers("good", 1, ""), customers("down", c.down, "")
				cloud := &clockwork{hangs: map[string]bool{}}
				for _, tenant := range down {
					cloud.hangs[tenant.ID] = true
				}
				ts, start := runTenants(t, interval, cloud), time.Now()
				if c.after > 0 {
					ts.update(good)
					time.Sleep(c.after)
				}
				ts.update(append(good, down...))
				time.Sleep(time.Hour)
				patience := 500*firstEvery + 2*interval // no longer than an interval after the start that was foreseen
				assert.LessOrEqual(t, cloud.longest(good[0].ID, start, time.Now()), patience)
				assert.LessOrEqual(t, cloud.longest(good[0].ID, start.Add(patience), time.Now()), interval)
			})
		})
	}
}

// maxFirstAhead is how much sooner than foreseen a start may end, since the first ones begin together.
const maxFirstAhead = 5 * firstEvery

func TestSecondPollsWaitForTheStartThatTakesLongerThanForeseen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := &clockwork{}
		ts := runTenants(t, 5*time.Second, cloud)
		start := time.Now()
		ts.update(customers("early", 72, ""))
		time.Sleep(500 * time.Millisecond)
		list := append(customers("early", 72, ""), customers("late", 288, "")...)
		ts.update(list)
		time.Sleep(time.Minute)
		last := start
		for _, tenant := range list {
			if first := cloud.of(tenant.ID, start)[0]; first.After(last) {
				last = first
			}
		}
		for _, tenant := range list {
			second := cloud.of(tenant.ID, start)[1]
			assert.False(t, second.Before(last), "%s: %s before the last first poll", tenant.ID, last.Sub(second))
			assert.LessOrEqual(t, second.Sub(last), 5*time.Second+maxFirstAhead, tenant.ID)
		}
	})
}

func TestASecondPollThatFailedIsRepeatedWhoeverIsAdded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := &clockwork{}
		ts, start := runTenants(t, time.Minute, cloud), time.Now()
		ts.update(customers("old", 1, ""))
		time.Sleep(time.Second)
		cloud.fail("old-0")
		for len(cloud.of("old-0", start)) < 2 {
			time.Sleep(time.Second)
		}
		added := time.Now()
		ts.update(append(customers("old", 1, ""), customers("new", 1_000, "")...)) // 14 s until each was polled
		time.Sleep(5 * time.Second)
		assert.NotEmpty(t, cloud.of("old-0", added))
	})
}

// Somebody changes an attribute of every row, and adds some.
func TestEditedTenantsKeepTheirRhythm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const interval = 2 * time.Second
		cloud := &clockwork{}
		ts := runTenants(t, interval, cloud)
		ts.update(customers("old", 300, "gold"))
		time.Sleep(time.Minute)
		edited := time.Now()
		ts.update(append(customers("old", 300, "silver"), customers("new", 1_000, "gold")...)) // 14 s until each of those was polled
		time.Sleep(time.Minute)
		for _, tenant := range customers("old", 300, "") {
			assert.LessOrEqual(t, cloud.longest(tenant.ID, edited, time.Now()), interval, tenant.ID)
		}
		for _, tenant := range customers("new", 1_000, "") {
			assert.NotEmpty(t, cloud.of(tenant.ID, edited), tenant.ID)
		}
	})
}

func TestAFailingTenantIsAskedAtOnceWhenItsRowIsEdited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := &clockwork{}
		cloud.fail("bad-0")
		ts := runTenants(t, time.Hour, cloud)
		ts.update(customers("bad", 1, ""))
		time.Sleep(10*time.Hour + time.Minute)
		edited := time.Now()
		ts.update(customers("bad", 1, "mended"))
		time.Sleep(time.Second)
		assert.Len(t, cloud.of("bad-0", edited), 1)
	})
}

func TestATenantThatIsRemovedAndAddedIsPolledAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := &clockwork{}
		ts := runTenants(t, time.Hour, cloud)
		ts.update(customers("good", 1, ""))
		time.Sleep(10 * time.Hour)
		ts.update(nil)
		removed := time.Now()
		time.Sleep(10 * time.Hour)
		require.Empty(t, cloud.of("good-0", removed))
		added := time.Now()
		ts.update(customers("good", 1, ""))
		time.Sleep(time.Second)
		assert.Len(t, cloud.of("good-0", added), 1)
	})
}
