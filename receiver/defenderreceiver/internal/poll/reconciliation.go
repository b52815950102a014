package poll

import (
	"context"

	"github.com/cespare/xxhash/v2"
	"go.uber.org/zap"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/checkpoint"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/window"
)

// ledger compares what the API lists in a closed window with what was delivered. What had not been delivered is
// delivered by the reading itself.
type ledger struct {
	window window.Part
	// expected are the versions that the window must still list: the latest delivered one of each id, by the id's hash.
	expected map[uint64]odata.Instant
	matched  int
	unusable map[uint64]struct{}
}

func newLedger(state *checkpoint.State, w window.Part) *ledger {
	return &ledger{window: w, expected: state.Latest(w.From, w.To), unusable: map[uint64]struct{}{}}
}

// listed notes a version that the API lists; it may do so several times.
func (l *ledger) listed(id string, version odata.Instant) {
	if l == nil {
		return
	}
	hash := xxhash.Sum64String(id)
	if expected, ok := l.expected[hash]; ok && expected == version {
		delete(l.expected, hash)
		l.matched++
	}
}

// bad notes a record that is listed but cannot be used.
func (l *ledger) bad(hash uint64) {
	if l != nil && len(l.unusable) < maxReported {
		l.unusable[hash] = struct{}{}
	}
}

// reconcile reports a comparison whose reading had ended before this poll began: the versions for which alerts have left
// the window are known by now.
func (p *Poller) reconcile(ctx context.Context) {
	l, f := p.reconciling, &p.reconciliation.found
	if l == nil {
		return
	}
	gone := 0
	for hash, version := range l.expected {
		if p.state.LatestOf(hash) == version {
			gone++
		}
	}
	p.settings.Metrics.reconciled(ctx, reconciled{l.matched, f.records, gone, len(l.unusable)})
	log, text := p.subject.Log.Debug, "The reconciliation found every listed record delivered: "
	switch {
	case f.records > 0:
		log, text = p.subject.Log.Warn, "The reconciliation found records that had not been delivered; they have been now: "
	case gone+len(l.unusable) > 0:
		log, text = p.subject.Log.Info, "The reconciliation found every usable record delivered: "
	}
	log(text+p.name()+".", append(f.fields(),
		zap.Stringer("from", l.window.From), zap.Stringer("to", l.window.To),
		zap.Int("matched", l.matched), zap.Int("no_longer_listed", gone), zap.Int("unusable", len(l.unusable)))...)
	p.reconciling, *f = nil, found{}
}
