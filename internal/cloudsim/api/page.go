package api

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/odata"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// page is one answer of a list.
type page struct {
	context     string
	contentType string
	// array is a page that is a bare array, single one that is a record.
	array, single bool
	versions      []*world.Version
	form          world.Form
	// count is how many records the filter selects in all, -1 if nobody asked.
	count    int
	nextLink string

	// What faults change.
	inserted []string
	// value stands in place of the records: null, or nothing at all for a page without the member.
	value     string
	noRecords bool
	// status is that of a refusal in place of the page.
	status int
	// cut ends the text in the middle of the last record; hangUp closes the connection there as well.
	cut, hangUp bool
}

// list answers a request for many records.
func (s *Server) list(e *exchange) {
	q := &question{}
	for _, fault := range e.faults {
		if fault.ask != nil {
			fault.ask(q)
		}
	}
	if err := e.surface.read(s, e.r, q); err != nil {
		s.refuse(e, http.StatusBadRequest, err.Error()+".")
		return
	}
	s.answer(e, s.turn(e, q))
}

// answer sends a page, with what faults make of it.
func (s *Server) answer(e *exchange, p *page) {
	for _, fault := range e.faults {
		if fault.page != nil {
			fault.page(s, e, p)
		}
	}
	if p.status != 0 {
		s.refuse(e, p.status, http.StatusText(p.status))
		return
	}
	s.send(e, p)
}

// turn makes the page that the question asks for.
func (s *Server) turn(e *exchange, q *question) *page {
	size := e.surface.defaultTop
	if q.serverPage > 0 {
		size = q.serverPage
	}
	if q.top >= 0 && (q.serverPage == 0 || q.top < size) {
		size = q.top
	}
	versions, total, more := s.find(e, q, size)
	p := &page{
		context: origin(e.r) + e.surface.context, contentType: contentType, array: e.surface.array,
		versions: versions, form: q.form, count: total,
	}
	if more && size > 0 {
		p.nextLink = nextLink(e, q, size)
	}
	return p
}

// find returns the records of the page, how many there are in all if that was asked, and whether more follow.
func (s *Server) find(e *exchange, q *question, size int) (found []*world.Version, total int, more bool) {
	if q.ignoreFilter {
		q.filter = nil
	}
	versions := e.elements
	if e.of == nil {
		versions = s.candidates(e, q)
	}
	if q.arrange != nil {
		q.arrange(versions)
	}
	total = -1
	matched := 0
	for _, v := range versions {
		if q.filter != nil && !q.filter.Match(record(v)) || q.match != nil && !q.match(v) {
			continue
		}
		matched++
		switch {
		case matched <= q.skip:
		case len(found) < size:
			found = append(found, v)
		case !q.count:
			return found, total, true
		}
	}
	if q.count {
		total = matched
	}
	return found, total, matched > q.skip+len(found)
}

// candidates are the records of the interval that is asked for, newest first.
func (s *Server) candidates(e *exchange, q *question) []*world.Version {
	in := odata.Interval{From: q.from, To: q.to}
	if q.filter != nil {
		in = odata.Bounds(q.filter, e.surface.updated)
	}
	if q.ignoreFilter {
		in = odata.Interval{}
	}
	versions := s.world.Find(e.tenant, world.Query{Source: e.surface.source, From: in.From, To: in.To})
	if q.exclusive {
		versions = slices.DeleteFunc(versions, func(v *world.Version) bool { return v.Updated.Equal(q.from) || v.Updated.Equal(q.to) })
	}
	slices.Reverse(versions)
	return versions
}

// record shows a version to a filter.
func record(v *world.Version) odata.Record {
	return func(property string) odata.Value {
		return odata.Of(v.Property(property))
	}
}

// send writes a page, and marks its versions as served once all of it was written.
func (s *Server) send(e *exchange, p *page) {
	var out io.Writer = e.w
	var ends []func() error // the outermost first
	for _, fault := range e.faults {
		if fault.send == nil {
			continue
		}
		var end func() error
		if out, end = fault.send(e, out); end != nil {
			ends = slices.Insert(ends, 0, end)
		}
	}
	e.w.Header().Set("Content-Type", p.contentType)
	buffered := bufio.NewWriterSize(out, 64<<10)
	err := p.write(buffered)
	for _, end := range slices.Insert(ends, 0, buffered.Flush) {
		if err == nil {
			err = end()
		}
	}
	if p.hangUp {
		e.w.flush()
		panic(http.ErrAbortHandler)
	}
	if err != nil || p.cut || p.noRecords {
		return
	}
	e.records = len(p.versions)
	for _, v := range p.versions {
		v.MarkServed()
	}
}

// write writes the JSON text of the page.
func (p *page) write(w *bufio.Writer) error {
	switch {
	case p.noRecords:
	case p.single:
		return p.writeRecords(w)
	case p.array:
		_ = w.WriteByte('[') // a bufio.Writer keeps its first error
		if err := p.writeRecords(w); err != nil || p.cut {
			return err
		}
		return w.WriteByte(']')
	}
	_, _ = w.WriteString(`{"@odata.context":` + strconv.Quote(p.context))
	if p.count >= 0 {
		_, _ = fmt.Fprintf(w, `,"@odata.count":%d`, p.count)
	}
	if p.noRecords {
		_, _ = w.WriteString(p.value + "}")
		return nil
	}
	_, _ = w.WriteString(`,"value":[`)
	if err := p.writeRecords(w); err != nil || p.cut {
		return err
	}
	_, _ = w.WriteString("]")
	if p.nextLink != "" {
		_, _ = w.WriteString(`,"@odata.nextLink":` + strconv.Quote(p.nextLink))
	}
	_, err := w.WriteString("}")
	return err
}

// writeRecords writes the versions with the inserted texts spread among them.
func (p *page) writeRecords(w *bufio.Writer) error {
	versions, inserted := p.versions, p.inserted
	total := len(versions) + len(inserted)
	every := total / max(1, len(inserted))
	var text []byte
	for i := range total {
		text = text[:0]
		if i > 0 {
			text = append(text, ',')
		}
		if len(versions) == 0 || len(inserted) > 0 && i%every == every/2 {
			text, inserted = append(text, inserted[0]...), inserted[1:]
		} else {
			text, versions = versions[0].AppendJSON(text, p.form), versions[1:]
		}
		if p.cut && i == total-1 {
			text = text[:len(text)/2]
		}
		if _, err := w.Write(text); err != nil {
			return err
		}
	}
	return nil
}
