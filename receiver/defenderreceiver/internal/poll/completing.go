package poll

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/cespare/xxhash/v2"
	"go.uber.org/zap"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/api"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/record"
)

const (
	// maxElements bounds how many elements of a record are read one by one, and maxMissing how many after each other may
	// fail before the rest is taken for unreadable too.
	maxElements = 1_000
	maxMissing  = 20
	// maxFailures is how often a request is made while the API is well otherwise.
	maxFailures = 2
	// maxRepeats is how many pages after each other may hold nothing new before there are no more: a list that grows at its
	// front shifts what $skip passes over, and an API may know no $skip.
	maxRepeats = 3
)

var errOversized = &api.Error{Kind: api.KindTooLarge, Err: errors.New("a record larger than allowed")}

// completing holds the records of a page that were listed without $expand until what it would have added is read: of each
// record by itself and, where that fails too, element by element. It makes one request at a time, and so may take as many
// turns as the budget asks for.
type completing struct {
	page    api.Page
	size    int
	records [][]byte // as they were listed, the one in work first
	current completion
}

// completion is how far the record in work has come.
type completion struct {
	raw        []byte
	id         string // empty before it has begun
	updated    odata.Instant
	byElements bool
	elements   [][]byte
	seen       map[uint64]struct{} // hashes of the elements
	repeats    int                 // pages without a new one, after each other
	bytes      int
	next       int   // index of the next element
	missing    int   // elements that cannot be read
	run        int   // of them after each other
	doubt      error // of the last request: is it the record or the API?
	failures   int   // of the request in work, while the API was well
	refused    bool  // the token was, once
	text       []byte
}

// deliver hands on what needs no request, up to a record that needs one. Behind the last record it ends the page.
func (c *completing) deliver(ctx context.Context, p *Poller, ps *pass) error {
	defer p.save(ctx) // what was delivered on the way: the next request may be long in coming
	for len(c.records) > 0 {
		d := &delivering{p: p, ps: ps, batch: newBatch(p, ps)}
		if c.current.text == nil && !c.current.begin(d, c.records[0]) {
			return nil
		}
		text := c.current.text
		emitErr := d.emit(ctx, odata.Element{Raw: text, Size: int64(len(text))}, inside)
		if err := d.end(ctx, emitErr); err != nil {
			return err
		}
		c.records, c.current = c.records[1:], completion{}
	}
	ps.completing = nil
	err := p.ended(ps, c.page, c.size)
	if err == nil {
		p.pages++
	}
	return err
}

// inside runs work where no clock has to be stopped.
func inside(work func() error) error { return work() }

// begin looks at a record; true says that it can be delivered as it was listed.
func (c *completion) begin(d *delivering, raw []byte) bool {
	if c.id != "" {
		return false
	}
	c.raw = raw
	if d.parse(odata.Element{Raw: raw}) != nil {
		c.text = raw // it is reported there
		return true
	}
	d.p.unreadableAt(d.rec.Updated) // with $expand, also where it was delivered before
	if d.p.state.Delivered(d.rec.ID, d.rec.Updated) {
		c.text = raw
		return true
	}
	c.id, c.updated = d.rec.ID, d.rec.Updated
	return false
}

// request makes the next request for the record in work. An error says that the API is to blame, not the record: the work
// goes on with a later turn.
func (c *completion) request(ctx context.Context, p *Poller) error {
	if doubt := c.doubt; doubt != nil {
		c.doubt = nil
		if p.probe(ctx) != nil {
			return doubt
		}
		if c.failures++; c.failures >= maxFailures {
			c.giveUp(p, false)
		}
		return nil
	}
	read := c.readWhole
	if c.byElements {
		read = c.readElement
	}
	err := read(ctx, p)
	answer, ok := errors.AsType[*api.Error](err)
	switch {
	case err == nil:
		c.failures, c.refused = 0, false
	case !ok, answer.Kind == api.KindThrottled:
		return err
	case answer.Kind == api.KindUnauthorized && !c.refused:
		c.refused = true
		return err // once more with another token
	case answer.Kind == api.KindRejected:
		c.giveUp(p, true) // it is gone, or has no such address
	default:
		c.doubt = err
	}
	return nil
}

// readWhole reads the record by itself.
func (c *completion) readWhole(ctx context.Context, p *Poller) error {
	var text []byte
	err := p.services.Client.One(entraauth.NewContext(ctx, p.request),
		p.settings.Source.One(p.subject.Target.Endpoint, c.id), p.settings.Source.Header,
		func(e odata.Element, _ func(func() error) error) error {
			if e.Oversized {
				return errOversized
			}
			text = slices.Clone(e.Raw)
			return nil
		})
	p.settle(err)
	if err != nil {
		return err
	}
	if c.isOf(p, text) {
		c.text = text
	} else {
		c.giveUp(p, true) // what was listed is better than that
	}
	return nil
}

// isOf tells whether a text is the record in work, in the version that was listed or a later one.
func (c *completion) isOf(p *Poller, text []byte) bool {
	var rec record.Record
	return p.settings.Source.Schema.Parse(text, &rec) == nil && rec.ID == c.id && rec.Updated >= c.updated && !p.foreign(&rec)
}

// readElement reads the next element of the record.
func (c *completion) readElement(ctx context.Context, p *Poller) error {
	var found [][]byte
	address := p.settings.Source.Element(p.subject.Target.Endpoint, c.id, c.next)
	page, err := p.services.Client.Unlinked(entraauth.NewContext(ctx, p.request), address, p.settings.Source.Header,
		func(e odata.Element, _ func(func() error) error) error {
			if !e.Oversized && p.settings.Source.Schema.Spliceable(e.Raw) {
				found = append(found, slices.Clone(e.Raw))
			}
			return nil
		})
	p.settle(err)
	if err != nil {
		return err
	}
	c.run = 0
	c.next += page.Records
	c.missing += page.Records - len(found)
	c.take(p, page.Records, found)
	return nil
}

// take adds elements to those that were read. There are no more behind an empty page, nor behind some that hold nothing
// new.
func (c *completion) take(p *Poller, records int, found [][]byte) {
	found = c.fresh(found)
	if c.repeats++; len(found) > 0 {
		c.repeats = 0
	}
	switch {
	case records == 0:
		c.finish(p)
		return
	case c.repeats >= maxRepeats:
		if records == 1 {
			c.missing++ // there is more that cannot be had; an API that gives all at once has given all
		}
		c.finish(p)
		return
	}
	for _, text := range found {
		c.bytes += len(text)
	}
	if c.bytes+len(c.raw) > cmp.Or(p.services.Client.Limits.MaxRecord, odata.DefaultMaxRecord) {
		c.missing += len(found)
		c.finish(p)
		return
	}
	c.elements = append(c.elements, found...)
	if c.next >= maxElements {
		c.missing++ // there may be more
		c.finish(p)
	}
}

// fresh leaves out elements that came before.
func (c *completion) fresh(found [][]byte) (fresh [][]byte) {
	if c.seen == nil {
		c.seen = map[uint64]struct{}{}
	}
	for _, text := range found {
		hash := xxhash.Sum64(text)
		if _, known := c.seen[hash]; !known {
			fresh = append(fresh, text)
		}
		c.seen[hash] = struct{}{}
	}
	return fresh
}

// giveUp takes the next way of reading a record, or leaves out the element that cannot be read; for good where no other
// element can be read either.
func (c *completion) giveUp(p *Poller, forGood bool) {
	c.failures = 0
	switch {
	case !p.settings.Source.Navigation:
		c.without(p)
	case !c.byElements:
		c.byElements = true
	default:
		c.missing++
		c.run++
		c.next++
		if forGood || c.run >= maxMissing {
			c.finish(p)
		}
	}
}

// finish puts the elements that were read into the record.
func (c *completion) finish(p *Poller) {
	if len(c.elements) == 0 && c.missing > 0 {
		c.without(p)
		return
	}
	c.text = record.Splice(c.raw, p.settings.Source.Expand, c.elements)
	if c.missing > 0 {
		p.subject.Log.Warn("A record of "+p.name()+" is delivered without some of "+p.settings.Source.Expands+", which cannot be read.",
			zap.String("id", shortened(c.id)), zap.Int("read", len(c.elements)), zap.Int("left_out_at_least", c.missing))
	}
}

// without delivers the record as it was listed: an alert without its evidence is better than none.
func (c *completion) without(p *Poller) {
	c.text = c.raw
	p.subject.Log.Warn("A record of "+p.name()+" cannot be read with "+p.settings.Source.Expands+" and is delivered without.",
		zap.String("id", shortened(c.id)))
}
