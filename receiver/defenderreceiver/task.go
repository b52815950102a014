package defenderreceiver

import (
	"context"
	"time"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/health"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/poll"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/schedule"
)

// pace is how fast what failed is tried again: first is the first step of the backoff, limit the least that its limit
// may be.
type pace struct{ first, limit time.Duration }

func defaultPace() pace { return pace{first: 2 * time.Second, limit: 10 * time.Second} }

// task decides when a poller has its next turn, and reports how the last one went.
type task struct {
	subject  health.Subject
	poller   *poll.Poller
	board    *health.Board
	interval time.Duration
	phase    time.Duration
	// started is when the tenants that wait for their first poll have had it, which the second one waits for.
	started  func() time.Time
	begun    *beginning
	pace     pace
	jitter   func() float64 // in [0, 1)
	failures int
}

// beginning is how far a source of a tenant has come since it was added. A task that replaces another one takes it over:
// runs of the two never overlap.
type beginning struct {
	polled  bool // once, completely
	settled bool // it has had its second poll
	// patience is until when the second poll waits for the others' first ones: those that hang must not hold it up.
	patience time.Time
}

func (t *task) run(ctx context.Context) schedule.Next {
	if next, wait := t.waits(time.Now()); wait {
		return schedule.Next{At: next}
	}
	t.begun.settled = t.begun.polled
	out := t.poller.Turn(ctx)
	now := time.Now()
	switch {
	case ctx.Err() != nil:
		return schedule.Next{At: now} // removed, replaced or shutting down: not the tenant's failure
	case out.Err != nil:
		t.failures++
		t.board.Progress(t.subject, out.Cursor)
		t.board.Failed(ctx, t.subject, health.Failure(poll.Explain(out.Err)))
		return schedule.Next{At: now.Add(t.backoff()), Failures: t.failures}
	case !out.Complete:
		if out.Progress {
			t.failures = 0
			t.board.Recovered(t.subject)
		}
		t.board.Progress(t.subject, out.Cursor)
		return schedule.Next{At: out.ResumeAt, Failures: t.failures}
	default:
		t.failures = 0
		t.board.Worked(ctx, t.subject, out.Cursor)
		if !t.begun.polled {
			if started := t.started(); started.After(now) {
				now = started
			}
			t.begun.polled, t.begun.patience = true, now.Add(t.interval)
		}
		return schedule.Next{At: schedule.After(now, t.phase, t.interval)}
	}
}

// waits tells until when the second poll waits because the start takes longer than was foreseen.
func (t *task) waits(now time.Time) (time.Time, bool) {
	started := t.started()
	if !t.begun.polled || t.begun.settled || started.IsZero() || !now.Before(t.begun.patience) {
		return time.Time{}, false
	}
	if started.After(t.begun.patience) {
		started = t.begun.patience
	}
	return schedule.After(started, t.phase, t.interval), true
}

// backoff is up to a fifth shorter by chance, so that tenants that failed together do not return together.
func (t *task) backoff() time.Duration {
	limit := t.interval
	if t.failures > 1 {
		limit = max(limit, t.pace.limit)
	}
	wait := schedule.Backoff(t.failures, t.pace.first, limit)
	return wait - time.Duration(t.jitter()*0.2*float64(wait))
}
