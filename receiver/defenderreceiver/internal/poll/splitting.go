package poll

import (
	"context"
	"slices"

	"go.opentelemetry.io/collector/pdata/plog"
)

// splits tells whether records become several log records.
func (s Settings) splits() bool {
	return s.Record.Split != "" && s.Record.Split == s.Source.Schema.Splits()
}

// split adds the parts of a record, over as many batches as they take. The record counts as delivered when its last part
// is: one that breaks off comes again, with the same uids.
func (d *delivering) split(ctx context.Context, late bool, outside func(func() error) error) error {
	b := d.batch
	entry, emission := b.admit(&d.rec, d.p.services.Now(), late)
	b.begun = &entry
	defer func() { b.begun = nil }()
	err := d.p.settings.Source.Schema.AppendParts(&d.rec, d.p.settings.Record, emission, func(size int64) (plog.LogRecordSlice, error) {
		if b.full() {
			if err := outside(func() error { return b.flush(ctx) }); err != nil {
				return plog.LogRecordSlice{}, err
			}
		}
		if err := d.reserve(ctx, size, outside); err != nil {
			return plog.LogRecordSlice{}, err
		}
		b.bytes += d.weight(size)
		return b.open(), nil
	})
	if err == nil {
		b.enter(entry)
	}
	return err
}

// touched lists the records that are in the batch, and the one of which a part is.
func (b *batch) touched() []delivery {
	if b.begun == nil {
		return b.entries
	}
	return append(slices.Clip(b.entries), *b.begun)
}
