package poll

import (
	"context"
	"strings"

	"github.com/cespare/xxhash/v2"
	"go.uber.org/zap"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/record"
)

// quarantined remembers which unusable records were reported.
type quarantined struct{ reported map[uint64]struct{} }

// maxReported bounds what is remembered of unusable records; beyond it they are reported again.
const maxReported = 10_000

// quarantine counts and logs a record that cannot be used, once. It returns the hash of its text.
func (p *Poller) quarantine(ctx context.Context, raw []byte, err *record.UnusableError) uint64 {
	sum := xxhash.Sum64(raw)
	if !p.firstSeen(sum) {
		return sum
	}
	p.settings.Metrics.quarantined(ctx)
	p.subject.Log.Error("A record cannot be used and is not emitted: "+err.Reason+" in "+p.name()+
		". The rest of the page is. The provider reports it to Microsoft.",
		zap.String("reason", err.Reason), zap.String("id", shortened(err.ID)), zap.String("error", shortened(err.Error())))
	return sum
}

// name tells the messages of one tenant and source from another's: of equal messages the collector's log drops all but
// the first ten in ten seconds.
func (p *Poller) name() string { return p.settings.Source.Key + " of " + p.subject.Tenant.Name }

// maxShown bounds what a log line shows of a foreign text.
const maxShown = 200

func shortened(text string) string {
	if len(text) <= maxShown {
		return text
	}
	return strings.ToValidUTF8(text[:maxShown], "") + "…"
}

// firstSeen notes the hash of a record and tells whether it is new.
func (q *quarantined) firstSeen(sum uint64) bool {
	if q.reported == nil {
		q.reported = map[uint64]struct{}{}
	}
	if _, seen := q.reported[sum]; seen {
		return false
	}
	if len(q.reported) >= maxReported {
		for old := range q.reported { // any of them: a few at a time come again, not all at once
			delete(q.reported, old)
			break
		}
	}
	q.reported[sum] = struct{}{}
	return true
}
