package poll

import (
	"context"

	"github.com/cespare/xxhash/v2"
	"go.uber.org/zap"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/record"
)

// quarantined remembers which unusable records were reported.
type quarantined struct{ reported map[uint64]struct{} }

// maxReported bounds what is remembered of unusable records; beyond it they are reported again.
const maxReported = 10_000

// quarantine counts and logs a record that cannot be used, once.
func (p *Poller) quarantine(ctx context.Context, raw []byte, err *record.UnusableError) {
	if !p.firstSeen(raw) {
		return
	}
	p.settings.Metrics.quarantined(ctx)
	p.subject.Log.Error("A record cannot be used and is not emitted: "+err.Reason+" in "+p.name()+
		". The rest of the page is. The provider reports it to Microsoft.",
		zap.String("reason", err.Reason), zap.String("id", err.ID), zap.Error(err))
}

// name tells the messages of one tenant and source from another's: of equal messages the collector's log drops all but
// the first ten in ten seconds.
func (p *Poller) name() string { return p.settings.Source.Key + " of " + p.subject.Tenant.Name }

// firstSeen notes a raw record and tells whether it is new.
func (q *quarantined) firstSeen(raw []byte) bool {
	if q.reported == nil || len(q.reported) >= maxReported {
		q.reported = map[uint64]struct{}{}
	}
	sum := xxhash.Sum64(raw)
	_, seen := q.reported[sum]
	q.reported[sum] = struct{}{}
	return !seen
}
