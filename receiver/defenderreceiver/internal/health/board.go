package health

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"
)

// Subject is what is healthy or not: one source of one tenant.
type Subject struct {
	TenantID, Tenant, Source string
}

// Fields name the subject in a log line.
func (s Subject) Fields() []zap.Field {
	return []zap.Field{
		zap.String("tenant", s.Tenant), zap.String("azure.tenant.id", s.TenantID), zap.String("source", s.Source),
	}
}

// String names the subject in a message. The collector's log keeps only the first ten lines of the same message in ten
// seconds, and would swallow the eleventh failing tenant.
func (s Subject) String() string { return s.Source + " of " + s.Tenant }

type key struct{ tenantID, source string }

func (s Subject) key() key { return key{s.TenantID, s.Source} }

// series is what tells a subject's points from others: a tenant with a new name has new ones.
type series struct{ tenant, source string }

func (s Subject) series() series { return series{s.Tenant, s.Source} }

// state is what the board knows of a subject.
type state struct {
	subject Subject
	polled  bool
	reason  string // empty while it works
	order   uint64 // of the subjects that fail, by when they began to
	cursor  time.Time
}

func (st *state) name() string {
	switch {
	case st.reason != "":
		return "failing"
	case st.polled:
		return "ok"
	default:
		return "pending"
	}
}

// Failure is why a poll failed: a word, who must do what, and what happened.
type Failure struct {
	Reason, Action, Cause string
}

// Board knows how every subject is. Safe for concurrent use.
type Board struct {
	log    *zap.Logger
	report func(*componentstatus.Event)
	now    func() time.Time
	polls  metric.Int64Counter // nil before Register

	mu      sync.Mutex
	states  map[key]*state
	ever    map[series]struct{} // every subject that has had a metric of its own: the SDK never forgets one
	failing int
	failed  uint64 // how often a subject began to fail
	counted map[pollSeries]metric.MeasurementOption
	said    bool // that the attribute tenant was dropped
}

// NewBoard returns an empty board. report tells the collector the status of the component.
func NewBoard(log *zap.Logger, report func(*componentstatus.Event), now func() time.Time) *Board {
	return &Board{
		log: log, report: report, now: now,
		states: map[key]*state{}, ever: map[series]struct{}{}, counted: map[pollSeries]metric.MeasurementOption{},
	}
}

// Add makes a subject known; one that was known keeps how it is.
func (b *Board) Add(s Subject) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ever[s.series()] = struct{}{}
	if len(b.ever) > maxSets {
		b.sayDropped()
	}
	if known := b.states[s.key()]; known != nil {
		known.subject = s
		return
	}
	b.states[s.key()] = &state{subject: s}
}

// Remove forgets a subject.
func (b *Board) Remove(s Subject) {
	b.mu.Lock()
	defer b.mu.Unlock()
	st := b.states[s.key()]
	if st == nil {
		return
	}
	delete(b.states, s.key())
	if st.reason != "" {
		b.failing--
		b.statusChanged(st, b.failing+1)
	}
}

// Worked says that a poll delivered everything up to cursor.
func (b *Board) Worked(ctx context.Context, s Subject, cursor time.Time) {
	b.count(ctx, s, "success")
	b.mu.Lock()
	defer b.mu.Unlock()
	st := b.states[s.key()]
	if st == nil {
		return
	}
	st.polled, st.cursor = true, cursor
	b.recovered(st)
}

// Recovered says that a poll that is not complete yet gets on.
func (b *Board) Recovered(s Subject) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if st := b.states[s.key()]; st != nil {
		b.recovered(st)
	}
}

func (b *Board) recovered(st *state) {
	if st.reason == "" {
		return
	}
	s := st.subject
	b.log.Info("Polling a tenant works again: "+s.String()+".", append(s.Fields(), zap.String("reason", st.reason))...)
	st.reason = ""
	b.failing--
	b.statusChanged(st, b.failing+1)
}

// Progress notes how far a poll is that is not complete yet.
func (b *Board) Progress(s Subject, cursor time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if st := b.states[s.key()]; st != nil && !cursor.IsZero() {
		st.cursor = cursor
	}
}

// Failed says that a poll failed. It is logged when it is the first or the reason is another one.
func (b *Board) Failed(ctx context.Context, s Subject, f Failure) {
	b.count(ctx, s, "failure")
	b.Stuck(s, f)
}

// Stuck says that a poll does not get on, though it has not failed yet. It is logged likewise.
func (b *Board) Stuck(s Subject, f Failure) {
	if f.Reason == "" {
		f.Reason = "unknown" // no reason would read as no failure
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	st := b.states[s.key()]
	if st == nil || st.reason == f.Reason {
		return
	}
	b.log.Warn("Polling a tenant fails: "+s.String()+". Its alerts are read later, from where they were left.", append(s.Fields(),
		zap.String("reason", f.Reason), zap.String("action", f.Action), zap.String("error", f.Cause))...)
	before := b.failing
	if st.reason == "" {
		b.failing++
		b.failed++
		st.order = b.failed
	}
	st.reason = f.Reason
	b.statusChanged(st, before)
}

// statusChanged tells the collector when the first subject begins to fail and when the last one has stopped to.
func (b *Board) statusChanged(st *state, before int) {
	switch {
	case before == 0 && b.failing > 0:
		b.report(componentstatus.NewRecoverableErrorEvent(
			fmt.Errorf("%d of %d fail, the first is tenant %s, source %s: %s",
				b.failing, len(b.states), st.subject.Tenant, st.subject.Source, st.reason)))
	case before > 0 && b.failing == 0:
		b.report(componentstatus.NewEvent(componentstatus.StatusOK))
	}
}
