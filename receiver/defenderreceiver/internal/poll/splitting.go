package poll

import (
	"context"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/record"
)

// maxTaken bounds the records of which it is known how many parts the pipeline has.
const maxTaken = 64

// taken is how much of a record the pipeline has taken, of which it refused the next part.
type taken struct {
	parts int
	sum   uint64 // of the record's text: another text may have other parts, or in another order
}

// begun is a record of which some parts are still to come.
type begun struct {
	delivery
	sum   uint64
	parts int // in the batch
}

// splits tells whether records become several log records.
func (s *Settings) splits() bool {
	return s.Record.Split != "" && s.Record.Split != record.SplitNone && s.Record.Split == s.Source.Schema.Splits()
}

// split adds the parts of a record, over as many batches as they take. The record counts as delivered when its last part
// is. One that breaks off comes again, and goes on with the part that was not taken: a pipeline that has room for a few
// at a time gets it all in the end.
func (d *delivering) split(ctx context.Context, late bool, outside func(func() error) error) error {
	b := d.batch
	entry, emission := b.admit(&d.rec, d.p.services.Now(), late)
	entry.uid = emission.UID
	b.begun = &begun{delivery: entry, sum: d.rec.Sum()}
	defer func() { b.begun = nil }()
	skip := 0
	if before, known := d.p.taken[entry.uid]; known && before.sum == b.begun.sum {
		skip = before.parts
	}
	err := d.p.settings.Source.Schema.AppendParts(&d.rec, d.p.settings.Record, emission, skip, func(size int64) (plog.LogRecordSlice, error) {
		if b.full() {
			if err := outside(func() error { return b.flush(ctx) }); err != nil {
				return plog.LogRecordSlice{}, err
			}
		}
		if err := d.reserve(ctx, size, outside); err != nil {
			return plog.LogRecordSlice{}, err
		}
		b.bytes += d.weight(size)
		b.begun.parts++
		return b.open(), nil
	})
	if err == nil {
		b.enter(b.begun.delivery)
	}
	return err
}

// took remembers that the pipeline has so many parts more of a record. A process that ends forgets it, and repeats them.
func (p *Poller) took(r *begun, parts int) {
	before := p.taken[r.uid]
	if before.sum != r.sum {
		before = taken{sum: r.sum}
	}
	if p.taken == nil || len(p.taken) >= maxTaken {
		p.taken = map[string]taken{}
	}
	before.parts += parts
	p.taken[r.uid] = before
}
