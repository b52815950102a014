package poll

import (
	"context"
	"errors"
	"slices"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/record"
)

// delivering takes the records of one page.
type delivering struct {
	p          *Poller
	ps         *pass
	batch      *batch
	plain      [][]byte // records that are listed without $expand
	rec        record.Record
	duplicates int
}

// take passes a record on, or keeps it to be completed first.
func (d *delivering) take(ctx context.Context, e odata.Element, outside func(func() error) error) error {
	if d.ps.plain && !e.Oversized {
		d.plain = append(d.plain, slices.Clone(e.Raw)) // one, or a few: pages are small by then
		return nil
	}
	return d.emit(ctx, e, outside)
}

// emit judges one record: unusable, delivered before, or new.
func (d *delivering) emit(ctx context.Context, e odata.Element, outside func(func() error) error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := d.parse(e); err != nil {
		d.ps.ledger.bad(d.p.quarantine(ctx, e.Raw, err))
		return nil
	}
	d.ps.saw(d.rec.ID, d.rec.Updated)
	if d.batch.holds(d.rec.ID, d.rec.Updated) || d.p.state.Delivered(d.rec.ID, d.rec.Updated) {
		d.duplicates++
		return nil
	}
	d.ps.round.fresh++
	if err := d.add(ctx, e.Size, outside); err != nil {
		return err
	}
	if d.batch.full() {
		return outside(func() error { return d.batch.flush(ctx) })
	}
	return nil
}

// add puts the record into the batch, whole or in parts.
func (d *delivering) add(ctx context.Context, size int64, outside func(func() error) error) error {
	late := d.ps.before != 0 && d.rec.Updated < d.ps.before
	if d.p.settings.splits() {
		return d.split(ctx, late, outside)
	}
	if err := d.reserve(ctx, size, outside); err != nil {
		return err
	}
	d.batch.add(&d.rec, d.weight(size), d.p.services.Now(), late)
	return nil
}

func (d *delivering) parse(e odata.Element) *record.UnusableError {
	if e.Oversized {
		return &record.UnusableError{Reason: record.ReasonOversized, ID: d.p.settings.Source.Schema.ID(e.Raw)}
	}
	if unusable, ok := errors.AsType[*record.UnusableError](d.read(e)); ok {
		return unusable
	}
	if d.p.foreign(&d.rec) {
		return &record.UnusableError{Reason: record.ReasonForeignTenant, ID: d.rec.ID, Detail: d.rec.TenantID}
	}
	return nil
}

func (d *delivering) read(e odata.Element) error {
	if e.Outline != nil {
		return d.p.settings.Source.Schema.ParseOutlined(e.Raw, e.Outline, &d.rec)
	}
	return d.p.settings.Source.Schema.Parse(e.Raw, &d.rec)
}

// reserve waits for memory. Whoever waits holds none, so that tenants cannot wait for each other for ever.
func (d *delivering) reserve(ctx context.Context, size int64, outside func(func() error) error) error {
	if d.p.services.Memory.TryAcquire(d.weight(size)) {
		return nil
	}
	return outside(func() error {
		if err := d.batch.flush(ctx); err != nil {
			return err
		}
		return d.p.patiently(func() error { return d.p.services.Memory.Acquire(ctx, d.weight(size)) })
	})
}

// weight is what a record counts: one larger than the whole budget may come alone.
func (d *delivering) weight(size int64) int64 { return min(size, d.p.services.MaxMemory) }

// end delivers what is left of the page, also of one that broke off: a complete record is a record. The page's own
// error goes first. What is not delivered is always an error: only then does the cursor stay.
func (d *delivering) end(ctx context.Context, pageErr error) error {
	if d.duplicates > 0 {
		d.p.settings.Metrics.duplicates(ctx, d.duplicates)
	}
	var refused *RefusedError
	switch {
	case errors.As(pageErr, &refused):
		d.batch.discard()
		return pageErr
	case ctx.Err() != nil:
		d.batch.discard()
		return context.Cause(ctx)
	}
	if err := d.batch.flush(ctx); err != nil && pageErr == nil {
		return err
	}
	return pageErr
}
