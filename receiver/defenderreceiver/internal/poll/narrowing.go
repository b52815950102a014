package poll

import (
	"context"
	"errors"
	"maps"

	"go.uber.org/zap"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/api"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/source"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/window"
)

const (
	// narrowBits is how much smaller a page becomes at each step, as a power of two.
	narrowBits = 3
	// maxNarrowing makes the largest page one of a single record.
	maxNarrowing = 5
	// maxUnreadable bounds the instants that are remembered as unreadable.
	maxUnreadable = 1000
)

// narrowing closes in on what makes a page fail while the API is well: a smaller page, no $expand for the one record that
// then is on it, a shorter part where that fails too, and at last one record that is passed over. The rest flows.
type narrowing struct {
	steps int
	// unreadable are the instants at which a record could not be read; only a sweep asks for them again.
	unreadable map[odata.Instant]struct{}
}

func (n *narrowing) of(pageSize int) int { return max(1, pageSize>>(narrowBits*n.steps)) }

// succeeded lets pages grow again, once a part is complete.
func (n *narrowing) succeeded() { n.steps = max(0, n.steps-1) }

// failedAgain notes a failure, and tells whether it is one that a smaller page may mend and that came before in the same way.
func (ps *pass) failedAgain(err error) bool {
	answer, ok := errors.AsType[*api.Error](err)
	if !ok {
		return false
	}
	before := ps.failed
	ps.failed = answer.Kind
	return answer.Kind == api.KindTooLarge || (answer.Kind == before && smallerMayHelp(answer))
}

func smallerMayHelp(e *api.Error) bool {
	switch e.Kind {
	case api.KindServer, api.KindTimeout:
		return true
	case api.KindNotAPage, api.KindNetwork:
		return e.Status != 0 // an answer that broke off, not one that never came
	default:
		return false
	}
}

// narrow takes the next step after a page failed; false says that there is none, and the failure stands.
func (p *Poller) narrow(ctx context.Context, ps *pass, err error) bool {
	if !ps.failedAgain(err) || !p.well(ctx) {
		return false
	}
	expands := p.settings.Source.Expand != "" && !ps.plain
	switch {
	case p.pageSize() > 1 && p.narrowing.steps < maxNarrowing:
		ps.restart()
		p.narrowing.steps++
	case !ps.walk.Next().Single():
		ps.narrow(expands)
	case !ps.bySkip && !p.settings.Source.Array:
		ps.restart()
		ps.bySkip = true
	case expands:
		ps.plain = true
	default:
		p.passOver(ctx, ps, err)
	}
	return true
}

// narrow goes on with what fails with a page of one record: without $expand where that is new, and with half of the part.
func (ps *pass) narrow(expands bool) {
	if expands && !ps.listFails {
		ps.restart()
		ps.plain = true
		return
	}
	ps.listFails = ps.plain || ps.listFails
	ps.restart()
	ps.walk.Full(0, 0, false)
}

// foresee leaves $expand out at once where a poll returns to an instant that it has found to fail with it.
func (p *Poller) foresee(ps *pass) {
	part := ps.walk.Next()
	_, known := p.narrowing.unreadable[part.From]
	if ps == p.poll && part.Single() && known && p.settings.Source.Expand != "" {
		ps.bySkip, ps.plain = true, true
	}
}

// well tells whether the API answers at all, as far as there is budget to ask.
func (p *Poller) well(ctx context.Context) bool {
	return p.subject.Budget.Take(p.services.Now()) == 0 && p.probe(ctx) == nil
}

// probe asks for next to nothing: an API that cannot answer that is down, and narrowing would only hammer it.
func (p *Poller) probe(ctx context.Context) error {
	at := p.state.Began
	address := p.settings.Source.URL(p.subject.Target.Endpoint, source.Query{From: at, To: at, Top: 1, Plain: true})
	_, err := p.list(ctx, address, func(odata.Element, func(func() error) error) error { return nil })
	return err
}

// passOver gives up one record, until a sweep asks for it again.
func (p *Poller) passOver(ctx context.Context, ps *pass, err error) {
	part := ps.walk.Next()
	ps.ledger.bad(uint64(part.From) + uint64(ps.round.skip)) //nolint:gosec // a bit pattern
	if _, known := p.narrowing.unreadable[part.From]; known {
		ps.passOver(!p.settings.Source.Array) // a second reading asked for it again
		return
	}
	p.unreadableAt(part.From)
	p.settings.Metrics.quarantined(ctx)
	p.subject.Log.Error("A record of "+p.name()+" cannot be read and is not emitted; the others are. The sweep asks for it again.",
		zap.String("reason", "unreadable"), zap.String("updated", part.From.String()), zap.Int("position", ps.round.skip), zap.Error(err))
	ps.passOver(!p.settings.Source.Array)
}

// readable forgets the instants of a part that was read again in full.
func (n *narrowing) readable(part window.Part) {
	maps.DeleteFunc(n.unreadable, func(at odata.Instant, _ struct{}) bool { return part.Contains(at) })
}

func (p *Poller) unreadableAt(at odata.Instant) {
	if p.narrowing.unreadable == nil || len(p.narrowing.unreadable) >= maxUnreadable {
		p.narrowing.unreadable = map[odata.Instant]struct{}{}
	}
	p.narrowing.unreadable[at] = struct{}{}
}
