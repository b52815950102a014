package defenderreceiver

import (
	"context"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/receiver"
	"go.uber.org/zap"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/checkpoint"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/health"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/metadata"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/poll"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/quota"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/schedule"
)

const (
	// firstEvery is the time between two first polls, 72 a second: each may need two more requests for its token, and all of
	// them together stay below 250 requests a second, also where some take longer than others.
	firstEvery = time.Second / 72
	// retainEvery is how often checkpoints of removed tenants are looked through.
	retainEvery = 24 * time.Hour
)

// tenants keeps one task for each source of each tenant, following the extension's list.
type tenants struct {
	log       *zap.Logger
	feeds     []feed
	services  poll.Services
	scheduler *schedule.Scheduler
	board     *health.Board
	pace      pace
	changed   chan struct{}

	mu      sync.Mutex
	current map[string]entraauth.Tenant // by id
	budgets map[budgetKey]*quota.Budget // outlive a tenant's removal: the API counts on
	active  map[checkpoint.Key]*task    // what is polled
}

type budgetKey struct{ tenantID, api string }

func newTenants(cfg *Config, set receiver.Settings, services poll.Services, scheduler *schedule.Scheduler,
	board *health.Board, builder *metadata.TelemetryBuilder, pace pace,
) *tenants {
	return &tenants{
		log: set.Logger, feeds: newFeeds(cfg, set, builder), services: services, scheduler: scheduler, board: board,
		pace: pace, changed: make(chan struct{}, 1),
		current: map[string]entraauth.Tenant{}, budgets: map[budgetKey]*quota.Budget{},
		active: map[checkpoint.Key]*task{},
	}
}

// update makes the tasks match the list. It is called with every tenant at each change, and at the start.
func (ts *tenants) update(list []entraauth.Tenant) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	listed := map[string]bool{}
	var added []entraauth.Tenant
	for _, tenant := range list {
		listed[tenant.ID] = true
		if old, known := ts.current[tenant.ID]; !known || !reflect.DeepEqual(old, tenant) {
			added = append(added, tenant)
		}
		ts.current[tenant.ID] = tenant
	}
	for id, tenant := range ts.current {
		if !listed[id] {
			ts.remove(tenant)
		}
	}
	ts.add(added)
	select {
	case ts.changed <- struct{}{}:
	default:
	}
}

// add begins to poll new tenants, whose second polls wait until all have had their first, and goes on with changed ones.
func (ts *tenants) add(added []entraauth.Tenant) {
	for _, tenant := range added {
		for i := range ts.feeds {
			ts.poll(tenant, &ts.feeds[i])
		}
	}
}

func (ts *tenants) poll(tenant entraauth.Tenant, f *feed) {
	subject := health.Subject{TenantID: tenant.ID, Tenant: tenant.Name, Source: f.settings.Source.Key}
	log := ts.log.WithLazy(subject.Fields()...) // most tenants never have a line, and a logger takes 4 KiB
	key := checkpoint.Key{Tenant: tenant.ID, Source: subject.Source}
	target, err := f.settings.Source.Target(tenant.Cloud, f.override)
	if err != nil {
		log.Warn("A source is not polled for a tenant: "+subject.String()+".", zap.Error(err))
		ts.stop(key)
		return
	}
	next := ts.task(poll.Subject{Tenant: tenant, Target: target, Log: log}, f, subject)
	if old := ts.active[key]; old != nil {
		next.begun = old.begun
	}
	ts.active[key] = next
	ts.board.Add(subject)
	ts.scheduler.Add(key.String(), time.Now(), next.run)
}

// task is what the scheduler runs for a source of a tenant.
func (ts *tenants) task(of poll.Subject, f *feed, subject health.Subject) *task {
	name := checkpoint.Key{Tenant: subject.TenantID, Source: subject.Source}.String()
	// By the clock on the wall, so that restarts do not put them off again and again.
	firstOf := func(work string, interval time.Duration) time.Time {
		return schedule.After(time.Now(), schedule.Phase(name+work, interval), interval)
	}
	of.Budget = ts.budget(subject.TenantID, f)
	of.FirstSweep = firstOf("", f.settings.SweepInterval)
	of.Blocked = func(err error) { ts.board.Stuck(subject, health.Failure(poll.Explain(err))) }
	of.FirstReconciliation = firstOf("/reconciliation", f.settings.ReconcileInterval)
	return &task{
		subject: subject, board: ts.board, interval: f.interval, phase: schedule.Phase(name, f.interval), started: ts.scheduler.Started,
		begun: &beginning{}, pace: ts.pace, jitter: rand.Float64,
		poller: poll.New(of, &f.settings, &ts.services),
	}
}

func (ts *tenants) remove(tenant entraauth.Tenant) {
	delete(ts.current, tenant.ID)
	for _, f := range ts.feeds {
		ts.stop(checkpoint.Key{Tenant: tenant.ID, Source: f.settings.Source.Key})
	}
}

func (ts *tenants) stop(key checkpoint.Key) {
	if t := ts.active[key]; t != nil {
		ts.scheduler.Remove(key.String())
		ts.board.Remove(t.subject)
		delete(ts.active, key)
	}
}

func (ts *tenants) budget(tenantID string, f *feed) *quota.Budget {
	key := budgetKey{tenantID, f.settings.Source.Quota}
	b := ts.budgets[key]
	if b == nil {
		b = quota.New(f.settings.Source.Limits...)
		ts.budgets[key] = b
	}
	return b
}

// retain deletes the checkpoints of tenants that were removed long ago, until ctx ends.
func (ts *tenants) retain(ctx context.Context, store *checkpoint.Store) {
	ticker := time.NewTicker(retainEvery)
	defer ticker.Stop()
	failed := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-ts.changed:
		}
		err := store.Retain(ctx, ts.keys(), time.Now())
		if err != nil && !failed && ctx.Err() == nil {
			ts.log.Warn("The checkpoints of removed tenants cannot be looked through; they are kept.", zap.Error(err))
		}
		failed = err != nil
	}
}

func (ts *tenants) keys() []checkpoint.Key {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	keys := make([]checkpoint.Key, 0, len(ts.active))
	for key := range ts.active {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, checkpoint.Key.Compare)
	return keys
}
