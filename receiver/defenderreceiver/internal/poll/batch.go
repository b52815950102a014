package poll

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/record"
)

// MaxBatch is how many records the pipeline gets at a time at most.
const MaxBatch = 1000

const (
	// maxBatchBytes bounds what the pipeline gets at a time too, and so what a page holds in memory.
	maxBatchBytes = 512 << 10
	// loggedIDs bounds the ids in one log line.
	loggedIDs = 100
)

// batch gathers new records of one tenant and hands them to the pipeline.
type batch struct {
	p       *Poller
	ps      *pass
	logs    plog.Logs
	records plog.LogRecordSlice
	entries []delivery
	begun   *begun                     // the record that is being split
	pending map[string][]odata.Instant // versions in entries, by id; nil before the first record
	bytes   int64
}

type delivery struct {
	id      string
	version odata.Instant
	update  bool
	late    bool
	uid     string // of a record that was split
	refused bool   // some part of it, for good
}

// newBatch returns an empty batch, which costs next to nothing: most pages bring nothing new.
func newBatch(p *Poller, ps *pass) *batch { return &batch{p: p, ps: ps} }

// open returns where the next record goes.
func (b *batch) open() plog.LogRecordSlice {
	if b.pending != nil {
		return b.records
	}
	b.pending = map[string][]odata.Instant{}
	b.logs = plog.NewLogs()
	resource := b.logs.ResourceLogs().AppendEmpty()
	record.SetResource(resource.Resource(), b.p.subject.Tenant)
	scope := resource.ScopeLogs().AppendEmpty()
	scope.Scope().SetName(b.p.settings.ScopeName)
	scope.Scope().SetVersion(b.p.settings.ScopeVersion)
	b.records = scope.LogRecords()
	return b.records
}

// len is the number of log records.
func (b *batch) len() int {
	if b.pending == nil {
		return 0
	}
	return b.records.Len()
}

// holds tells whether the version is in the batch already.
func (b *batch) holds(id string, version odata.Instant) bool {
	return slices.Contains(b.pending[id], version)
}

func (b *batch) full() bool {
	return b.len() >= b.p.settings.MaxBatch || b.bytes >= maxBatchBytes
}

// add copies a record into the batch. The memory for it is reserved.
func (b *batch) add(rec *record.Record, size int64, now time.Time, late bool) {
	entry, emission := b.admit(rec, now, late)
	b.p.settings.Source.Schema.AppendTo(b.open(), rec, b.p.settings.Record, emission)
	b.enter(entry)
	b.bytes += size
}

// admit says of a record what its text does not know.
func (b *batch) admit(rec *record.Record, now time.Time, late bool) (delivery, record.Emission) {
	id := strings.Clone(rec.ID) // it may share the page's memory
	update := len(b.pending[id]) > 0 || b.p.emittedBefore(rec)
	return delivery{id: id, version: rec.Updated, update: update, late: late}, record.Emission{
		Source:   b.p.settings.Source.Key,
		UID:      record.UID(b.p.subject.Tenant.ID, b.p.settings.Source.Key, id, rec.Updated),
		Observed: now,
		Update:   update,
	}
}

// enter counts a record to the batch, all of which is in it now.
func (b *batch) enter(d delivery) {
	b.entries = append(b.entries, d)
	b.pending[d.id] = append(b.pending[d.id], d.version)
}

// flush hands the batch to the pipeline. Only what the pipeline took, or refused for good, is remembered.
func (b *batch) flush(ctx context.Context) error {
	if b.len() == 0 {
		return nil
	}
	entries, parts := b.entries, 0
	if b.begun != nil {
		parts, b.begun.parts = b.begun.parts, 0
	}
	err := b.p.patiently(func() error { return b.p.services.Consume(ctx, b.logs) })
	b.discard() // the pipeline has its own copy or wants none
	if err != nil && !forGood(err) {
		return &RefusedError{Err: err}
	}
	now := odata.FromTime(b.p.services.Now())
	for _, e := range entries {
		b.p.state.Remember(e.id, e.version, now)
		delete(b.p.taken, e.uid)
	}
	if parts > 0 {
		b.p.took(b.begun, parts)
	}
	entries = slices.DeleteFunc(entries, func(e delivery) bool { return e.refused })
	if err == nil {
		b.count(ctx, entries)
		return nil
	}
	if parts > 0 && !b.begun.refused {
		b.begun.refused = true
		entries = append(entries, b.begun.delivery)
	}
	b.dropped(ctx, entries, err)
	return nil
}

// forGood tells whether every pipeline behind the receiver refuses for good. A fan-out joins their errors, and one that
// only has no room now must get the records again; consumererror.IsPermanent would not see it beside the others.
func forGood(err error) bool {
	mark := reflect.TypeOf(consumererror.NewPermanent(nil))
	for e := err; e != nil; e = errors.Unwrap(e) {
		if reflect.TypeOf(e) == mark {
			return true // whatever it is made of
		}
		if joined, ok := e.(interface{ Unwrap() []error }); ok {
			return !slices.ContainsFunc(joined.Unwrap(), func(one error) bool { return !forGood(one) })
		}
	}
	return false
}

// discard gives the records up; they are read again.
func (b *batch) discard() {
	b.p.services.Memory.Release(b.bytes)
	*b = batch{p: b.p, ps: b.ps, begun: b.begun}
}

func (b *batch) count(ctx context.Context, entries []delivery) {
	updated, now := 0, b.p.services.Now()
	for _, e := range entries {
		if e.update {
			updated++
		}
		if e.late {
			lateness := now.Sub(e.version.Time())
			b.p.settings.Metrics.late(ctx, lateness)
			if b.ps.again != nil {
				b.ps.again.found.add(e.id, lateness)
			}
		}
	}
	b.p.settings.Metrics.delivered(ctx, len(entries)-updated, updated)
}

// dropped reports records that the pipeline will never take: sending them again would only block the ones behind.
func (b *batch) dropped(ctx context.Context, entries []delivery, err error) {
	b.p.settings.Metrics.refused(ctx, len(entries))
	for part := range slices.Chunk(entries, loggedIDs) {
		ids := make([]string, len(part))
		for i, e := range part {
			ids[i] = shortened(e.id)
		}
		b.p.subject.Log.Error("The pipeline refused records for good: those of "+b.p.name()+" from "+strconv.Quote(ids[0])+
			" on. They are not sent again. The provider checks the exporter.",
			zap.Int("records", len(part)), zap.Strings("ids", ids), zap.Error(err))
	}
}
