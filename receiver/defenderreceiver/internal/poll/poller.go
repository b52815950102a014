package poll

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/api"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/checkpoint"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/record"
)

const (
	// turnRequests is how many requests a tenant makes before others have their turn.
	turnRequests = 8
	// saveTimeout bounds storing a checkpoint, which is not ended by a shutdown: with what the pipeline and the storage
	// may take besides, a shutdown stays below 10 s.
	saveTimeout = 3 * time.Second
)

// Poller polls one source of one tenant. Turns follow each other; they never overlap.
type Poller struct {
	subject  Subject
	settings *Settings
	services *Services
	request  *entraauth.Request

	state  *checkpoint.State
	poll   *pass         // nil between polls
	length time.Duration // of part, as the last poll found it to fit
	sweep  reread
	// reconciliation compares, and reconciling is what it found, until the next poll is complete.
	reconciliation reread
	reconciling    *ledger
	clock          clock
	narrowing      narrowing
	unsaved        error            // of the last attempt to store the state
	pages          int              // read and delivered in this turn
	taken          map[string]taken // by the record's uid
	quarantined
}

// New returns a poller that has asked nothing yet. Settings and services are shared, and never changed.
func New(subject Subject, settings *Settings, services *Services) *Poller {
	return &Poller{
		subject: subject, settings: settings, services: services,
		sweep: reread{interval: settings.SweepInterval, span: settings.SweepWindow, due: subject.FirstSweep},
		reconciliation: reread{
			interval: settings.ReconcileInterval, span: settings.ReconcileInterval, due: subject.FirstReconciliation, compares: true,
		},
		request: &entraauth.Request{
			TenantID: subject.Tenant.ID, Scope: subject.Target.Scope, Origin: subject.Target.Origin,
			Roles: settings.Source.Roles,
		},
	}
}

// Outcome is how a turn ended.
type Outcome struct {
	// Complete says that everything up to Cursor has been delivered.
	Complete bool
	// ResumeAt is when to go on with a poll that is neither complete nor failed.
	ResumeAt time.Time
	// Progress says that at least one page was read, delivered and stored.
	Progress bool
	// Cursor is the time up to which everything has been delivered, zero before the first poll got that far.
	Cursor time.Time
	Err    error
}

// Turn begins a poll or goes on with one.
func (p *Poller) Turn(ctx context.Context) Outcome {
	out := p.turn(ctx)
	if p.state != nil {
		out.Cursor = p.state.Cursor.Time()
	}
	return out
}

func (p *Poller) turn(ctx context.Context) Outcome {
	if err := p.load(ctx); err != nil {
		return Outcome{Err: err}
	}
	if p.poll == nil {
		p.begin()
	}
	p.unsaved, p.pages = nil, 0
	resumeAt, err := p.read(ctx, p.poll, turnRequests)
	if err != nil {
		if p.poll.completing == nil {
			p.poll.restart()
		}
		return Outcome{Err: err}
	}
	if !p.poll.walk.Done() {
		return Outcome{ResumeAt: resumeAt, Progress: p.pages > 0 && p.unsaved == nil}
	}
	p.length, p.poll = p.poll.walk.Length(), nil
	p.rereadOn(ctx)
	if p.unsaved != nil {
		return Outcome{Err: p.unsaved} // everything was delivered, and a restart would repeat it
	}
	return Outcome{Complete: true}
}

// load gets the state on the first turn.
func (p *Poller) load(ctx context.Context) error {
	if p.state != nil {
		return nil
	}
	state, err := p.services.Store.Open(ctx, p.key())
	var unreadable *checkpoint.UnreadableError
	if err != nil && !errors.As(err, &unreadable) {
		return &StorageError{Err: err}
	}
	if unreadable != nil {
		p.subject.Log.Error("The stored state cannot be used: "+p.name()+". What it does not tell is read again from "+
			"initial_lookback on; records that were delivered before are repeated with the same log.record.uid.", zap.Error(err))
	}
	if state == nil {
		state = checkpoint.NewState(odata.FromTime(p.services.Now().Add(-p.settings.InitialLookback)))
		p.services.Store.Keep(p.key(), state)
	}
	p.state = state
	return nil
}

// begin fixes the interval of a poll. Its end is never moved afterwards: every part is then read at or after that time,
// so that a record which becomes visible within the overlap is found by this poll or by the next one.
func (p *Poller) begin() {
	now := p.services.Now()
	high := odata.FromTime(p.clock.latest(now))
	// A cursor in the future comes from a clock that was wrong: it would blind the receiver until then.
	low := max(p.state.Floor()+p.settings.Source.Before, min(p.state.Cursor, high).Add(-p.settings.Overlap))
	p.poll = newPass(min(low, high), high, p.length, p.pageSize())
	p.poll.limit = odata.FromTime(now)
	p.poll.walk.Avoid(slices.Collect(maps.Keys(p.narrowing.unreadable)))
	if !p.state.New() {
		p.poll.before = p.state.Cursor
	}
}

// read makes at most requests requests of a pass. The time is when to go on if it is not done.
func (p *Poller) read(ctx context.Context, ps *pass, requests int) (time.Time, error) {
	repeated := false
	for range requests {
		if ps.completing != nil {
			if err := ps.completing.deliver(ctx, p, ps); err != nil {
				return time.Time{}, err
			}
		}
		if ps.walk.Done() {
			return time.Time{}, nil
		}
		now := p.services.Now()
		if wait := p.subject.Budget.Take(now); wait > 0 {
			return now.Add(wait), nil
		}
		err := p.ask(ctx, ps)
		if unauthorized(err) && !repeated {
			// The extension has dropped the token: one more try with a new one.
			repeated = true
			continue
		}
		if err != nil && (ps.completing != nil || !p.narrow(ctx, ps, err)) {
			return time.Time{}, err
		}
	}
	return p.services.Now(), nil
}

// ask makes one request: for a page, or for what a record of the last one lacks.
func (p *Poller) ask(ctx context.Context, ps *pass) error {
	if ps.completing != nil {
		return ps.completing.current.request(ctx, p)
	}
	return p.page(ctx, ps)
}

// page asks for one page and delivers what is new in it.
func (p *Poller) page(ctx context.Context, ps *pass) error {
	p.foresee(ps)
	size := p.pageSize() << ps.raised
	address := ps.round.next
	if address == "" {
		address = p.settings.Source.URL(p.subject.Target.Endpoint, ps.query(p.settings, size))
	}
	d := &delivering{p: p, ps: ps, batch: newBatch(p, ps)}
	asked := p.services.Now()
	page, err := p.list(ctx, address,
		func(e odata.Element, outside func(func() error) error) error { return d.take(ctx, e, outside) })
	p.clock.compare(asked, page.ServerTime)
	p.services.ClockWarning.say(p.subject.Log, p.clock.offset)
	err = d.end(ctx, err)
	if err == nil && d.plain != nil {
		ps.completing = &completing{page: page, size: size, records: d.plain}
		return nil
	}
	if err == nil {
		err = p.ended(ps, page, size)
	}
	p.save(ctx)
	if err == nil {
		p.pages++
	}
	return err
}

// list reads a page of the source's shape, and accounts for the request.
func (p *Poller) list(ctx context.Context, address string, emit api.Emit) (api.Page, error) {
	read := p.services.Client.Read
	if p.settings.Source.Array {
		read = p.services.Client.Array
	}
	page, err := read(entraauth.NewContext(ctx, p.request), address, p.settings.Source.Header, emit)
	p.settle(err)
	return page, err
}

// ended moves the cursor when a part is complete.
func (p *Poller) ended(ps *pass, page api.Page, size int) error {
	ps.answered(page.ServerTime)
	if p.settings.Source.Array && page.Records >= size {
		return ps.full()
	}
	part, whole := ps.walk.Next(), ps.whole()
	complete, err := ps.ended(page, size)
	if err != nil || !complete {
		return err
	}
	p.narrowing.succeeded()
	if ps.again != nil {
		if whole {
			p.narrowing.readable(part)
		}
		return nil
	}
	p.state.Advance(min(part.To, ps.limit))
	p.state.Forget(p.readAgain(), odata.FromTime(p.services.Now()))
	return nil
}

// readAgain is the oldest update time that a later poll or sweep may ask for.
func (p *Poller) readAgain() odata.Instant {
	return min(p.state.Cursor.Add(-p.settings.Overlap), p.rereadsFrom(p.services.Now())) - p.settings.Source.Before
}

// settle accounts for a request in the budget.
func (p *Poller) settle(err error) {
	if _, ok := errors.AsType[*entraauth.Error](err); ok {
		p.subject.Budget.Unused()
		return
	}
	now := p.services.Now()
	p.subject.Budget.Sent(now)
	var answer *api.Error
	if !errors.As(err, &answer) {
		return
	}
	if answer.RetryAfter > 0 {
		p.subject.Budget.Block(now.Add(answer.RetryAfter))
	}
	if answer.Kind == api.KindThrottled {
		p.settings.Metrics.throttled(context.Background())
	}
}

// save stores the state, also while the receiver shuts down. A failure does not end the poll, which goes on from
// memory: the next page tries again.
func (p *Poller) save(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	p.unsaved = nil
	if err := p.services.Store.Save(ctx, p.key(), p.state); err != nil {
		p.unsaved = &StorageError{Err: err}
	}
}

// emittedBefore tells a later version of an alert from a new alert.
func (p *Poller) emittedBefore(rec *record.Record) bool {
	if p.state.Known(rec.ID) {
		return true
	}
	// What was forgotten is judged by its age: an alert that was made while the receiver watched, before its memory
	// begins, has been emitted.
	return rec.Created > p.state.Began && rec.Created < p.state.Forgets()
}

func (p *Poller) key() checkpoint.Key {
	return checkpoint.Key{Tenant: p.subject.Tenant.ID, Source: p.settings.Source.Key}
}

// foreign tells whether a record names another tenant.
func (p *Poller) foreign(rec *record.Record) bool {
	return rec.TenantID != "" && rec.TenantID != p.subject.Tenant.ID
}

func (p *Poller) pageSize() int { return p.narrowing.of(p.settings.PageSize) }

func unauthorized(err error) bool {
	var answer *api.Error
	return errors.As(err, &answer) && answer.Kind == api.KindUnauthorized
}
