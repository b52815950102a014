package poll

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
)

// sweep is the slow second reading of a longer window, for records that became visible later than the overlap.
type sweep struct {
	*pass  // nil between sweeps
	due    time.Time
	failed bool
}

// sweepOn goes on with a sweep, or begins one when it is due, as long as the quota has room for it. A sweep never makes
// a poll fail: its own failure ends it, and it begins anew later.
func (p *Poller) sweepOn(ctx context.Context) {
	now := p.services.Now()
	if p.settings.SweepInterval <= 0 || ctx.Err() != nil || !p.subject.Budget.Spare(now) {
		return
	}
	if p.sweep.pass == nil {
		if now.Before(p.sweep.due) || !p.beginSweep(now) {
			return
		}
	}
	if _, err := p.read(ctx, p.sweep.pass, turnRequests); err != nil {
		p.sweepFailed(err)
		p.sweep.pass, p.sweep.due = nil, now.Add(p.settings.SweepInterval/4)
		return
	}
	if p.sweep.walk.Done() {
		p.sweep = sweep{due: now.Add(p.settings.SweepInterval)}
	}
}

// beginSweep plans what lies before the part that every poll reads again; it tells whether there is anything.
func (p *Poller) beginSweep(now time.Time) bool {
	low := max(p.state.Floor()+p.settings.Source.Before, odata.FromTime(now.Add(-p.settings.SweepWindow)))
	high := p.state.Cursor.Add(-p.settings.Overlap)
	if low >= high {
		return false
	}
	p.sweep.pass = newPass(low, high, 0, p.pageSize())
	p.sweep.before = p.state.Cursor
	return true
}

func (p *Poller) sweepFailed(err error) {
	if !p.sweep.failed {
		p.subject.Log.Warn("A sweep for late records broke off; it begins anew later. Polling goes on.", zap.Error(err))
	}
	p.sweep.failed = true
}
