package poll

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/window"
)

// rereadAttempts is how often in a row a second reading may fail before it begins anew later.
const rereadAttempts = 3

// maxShownIDs bounds the ids in a line about records that were found late.
const maxShownIDs = 10

// reread is a second reading of a time that polls have passed, at its own slow pace: the sweep for records that became
// visible late, and the reconciliation.
type reread struct {
	*pass                        // nil between two readings
	interval, span time.Duration // every interval the time of span is read
	compares       bool          // with what was delivered
	due            time.Time
	failures       int  // in a row
	warned         bool // that it broke off
	found          found
}

// found is what second readings delivered that polls had not, until it is reported.
type found struct {
	records int
	ids     []string // the first few
	latest  time.Duration
}

func (f *found) add(id string, lateness time.Duration) {
	f.records++
	f.latest = max(f.latest, lateness)
	if len(f.ids) < maxShownIDs {
		f.ids = append(f.ids, shortened(id))
	}
}

func (f *found) fields() []zap.Field {
	return []zap.Field{zap.Int("records", f.records), zap.Duration("latest_after", f.latest), zap.Strings("ids", f.ids)}
}

// rereadOn goes on with a second reading, or begins one that is due, as long as the quota has room for it. It follows a
// poll that is complete, and never makes one fail: a failure of its own ends it, and it begins anew later.
func (p *Poller) rereadOn(ctx context.Context) {
	p.reconcile(ctx)
	if p.readOn(ctx, &p.sweep) != nil {
		p.sweepEnded()
	}
	if ended := p.readOn(ctx, &p.reconciliation); ended != nil {
		p.reconciling = ended.ledger
	}
}

// readOn returns a second reading that came to its end.
func (p *Poller) readOn(ctx context.Context, r *reread) *pass {
	now := p.services.Now()
	if r.interval <= 0 || ctx.Err() != nil || !p.subject.Budget.Spare(now) {
		return nil
	}
	if r.pass == nil && (now.Before(r.due) || !p.beginReread(r, now)) {
		return nil
	}
	if _, err := p.read(ctx, r.pass, turnRequests); err != nil {
		p.rereadFailed(r, err)
		return nil
	}
	r.failures = 0
	if !r.walk.Done() {
		return nil
	}
	ended := r.pass
	r.pass, r.due, r.warned = nil, now.Add(r.interval), false
	return ended
}

// beginReread plans what lies before the part that every poll reads again; it tells whether there is anything.
func (p *Poller) beginReread(r *reread, now time.Time) bool {
	low := max(p.state.Floor()+p.settings.Source.Before, odata.FromTime(now.Add(-r.span)))
	high := p.state.Cursor.Add(-p.settings.Overlap)
	if low >= high {
		return false
	}
	r.pass = newPass(low, high, 0, p.pageSize())
	r.again, r.before = r, p.state.Cursor
	if r.compares {
		r.ledger = newLedger(p.state, window.Part{From: low, To: high})
	}
	return true
}

// rereadFailed lets a second reading go on at the next poll, where a page that fails again is narrowed, and gives it up
// for a while where that does not help.
func (p *Poller) rereadFailed(r *reread, err error) {
	if r.completing == nil {
		r.restart()
	}
	if r.failures++; r.failures < rereadAttempts {
		return
	}
	r.pass, r.failures, r.due = nil, 0, p.services.Now().Add(r.interval/4)
	if !r.warned {
		p.subject.Log.Warn("A second reading of "+p.name()+" for late records broke off; it begins anew later. Polling goes on.", zap.Error(err))
	}
	r.warned = true
}

func (p *Poller) sweepEnded() {
	f := &p.sweep.found
	if f.records > 0 {
		p.subject.Log.Info("A sweep found records of "+p.name()+" that became visible later than `overlap`. They have been delivered.", f.fields()...)
	}
	*f = found{}
}

// rereadsFrom is the oldest update time that a second reading may still ask for: one that is under way may have begun a
// whole interval ago.
func (p *Poller) rereadsFrom(now time.Time) odata.Instant {
	from := odata.FromTime(now)
	for _, r := range []*reread{&p.sweep, &p.reconciliation} {
		if r.interval <= 0 {
			continue
		}
		from = min(from, odata.FromTime(now.Add(-r.span-r.interval)))
		if r.pass != nil {
			from = min(from, r.walk.Next().From)
		}
	}
	return from
}
