package odata

import (
	"encoding/json"
	"errors"
	"io"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/outline"
)

const (
	// headSize is how much of a record is kept that is too large to be held.
	headSize    = 4 << 10
	maxNextLink = 16 << 10
	maxName     = 1 << 10
)

// Reader reads pages, one after the other, and keeps its buffers from one to the next.
type Reader struct {
	in      stream
	emit    func(Element) error
	limit   int
	page    Page
	value   bool // the member value was seen
	link    bool // the member @odata.nextLink was seen
	outline outline.Outline
	nesting nesting
	head    []byte
}

// NewReader returns a reader of pages within the limits.
func NewReader(limits Limits) *Reader {
	limit := limits.MaxRecord
	if limit <= 0 {
		limit = DefaultMaxRecord
	}
	return &Reader{limit: limit}
}

// Page splits the elements of the top-level array "value" off r, one by one, and reads r to its end. What is held is set
// by the largest element, not by the page. Elements are not judged: whatever lies between balanced brackets is passed
// on. The error is a *PageError for an answer that is not a page (also one that ends early, or goes on after its end),
// and otherwise wraps that of r or emit; what was emitted before it stands.
func (p *Reader) Page(r io.Reader, emit func(Element) error) (Page, error) {
	return p.read(r, emit, p.envelope)
}

// Array does the same for an answer that is an array itself, as that of the legacy SIEM API is.
func (p *Reader) Array(r io.Reader, emit func(Element) error) (Page, error) {
	return p.read(r, emit, p.array)
}

// One does the same for an answer that is a single record.
func (p *Reader) One(r io.Reader, emit func(Element) error) (Page, error) {
	return p.read(r, emit, p.one)
}

// read reads the body as a whole: its content, and nothing but white space around it.
func (p *Reader) read(r io.Reader, emit func(Element) error, content func() error) (Page, error) {
	p.in.reset(r)
	p.emit, p.page, p.value, p.link = emit, Page{}, false, false
	defer p.release()
	err := p.whole(content)
	if errors.Is(err, errEnd) {
		err = p.problem("it ends early")
	}
	p.page.Bytes = p.in.offset()
	return p.page, err
}

// release lets go of the caller's, and of what a large record needed.
func (p *Reader) release() {
	p.emit = nil
	p.in.release()
}

func (p *Reader) whole(content func() error) error {
	if err := p.begin(); err != nil {
		return err
	}
	if err := content(); err != nil {
		return err
	}
	_, err := p.in.peek()
	if err == nil {
		return p.problem("it goes on after its end")
	}
	if errors.Is(err, errEnd) {
		return nil
	}
	return err
}

// begin passes over a byte order mark and tells an empty answer from one that ends early.
func (p *Reader) begin() error {
	for _, b := range []byte("\xef\xbb\xbf") {
		c, err := p.in.peek()
		if errors.Is(err, errEnd) {
			return p.problem("it is empty")
		}
		if err != nil || c != b {
			return err
		}
		p.in.pos++
	}
	return nil
}

// envelope reads the object around the records.
func (p *Reader) envelope() error {
	if err := p.members(); err != nil {
		return err
	}
	if !p.value {
		return p.problem("it has no value")
	}
	return nil
}

func (p *Reader) members() error {
	if err := p.expect('{', "it is not a JSON object"); err != nil {
		return err
	}
	if empty, err := p.closed('}'); err != nil || empty {
		return err
	}
	for {
		if err := p.member(); err != nil {
			return err
		}
		more, err := p.another('}')
		if err != nil || !more {
			return err
		}
	}
}

func (p *Reader) member() error {
	name, err := p.name()
	if err != nil {
		return err
	}
	if err := p.expect(':', "a colon is missing"); err != nil {
		return err
	}
	switch name {
	case "value":
		if p.value {
			return p.problem("it has two members value")
		}
		p.value = true
		return p.array()
	case "@odata.nextLink":
		if p.link {
			return p.problem("it has two members @odata.nextLink")
		}
		p.link = true
		return p.nextLink()
	}
	_, err = p.next(0)
	return err
}

// name returns a member's name; a name longer than any that is looked for comes back empty.
func (p *Reader) name() (string, error) {
	c, err := p.in.peek()
	if err != nil {
		return "", err
	}
	if c != '"' {
		return "", p.problem("a member has no name")
	}
	e, err := p.next(maxName)
	if err != nil || e.Oversized {
		return "", err
	}
	return p.text(e, "a member's name is not a string")
}

// nextLink accepts null as well, which says the same as no link.
func (p *Reader) nextLink() error {
	e, err := p.next(maxNextLink)
	if err != nil || string(e.Raw) == "null" {
		return err
	}
	if e.Oversized {
		return p.problem("its nextLink is too long")
	}
	p.page.NextLink, err = p.text(e, "its nextLink is not a string")
	return err
}

func (p *Reader) text(e Element, problem string) (string, error) {
	var text string
	if e.Raw[0] != '"' || json.Unmarshal(e.Raw, &text) != nil {
		return "", p.problem(problem)
	}
	return text, nil
}

// array reads an array and emits its elements.
func (p *Reader) array() error {
	if err := p.expect('[', "the records are not an array"); err != nil {
		return err
	}
	if empty, err := p.closed(']'); err != nil || empty {
		return err
	}
	for {
		e, err := p.record()
		if err != nil {
			return err
		}
		if err := p.emit(e); err != nil {
			return err
		}
		p.page.Records++
		more, err := p.another(']')
		if err != nil || !more {
			return err
		}
	}
}

// one emits the only value.
func (p *Reader) one() error {
	e, err := p.record()
	if err != nil {
		return err
	}
	p.page.Records = 1
	return p.emit(e)
}

func (p *Reader) expect(want byte, problem string) error {
	c, err := p.in.peek()
	if err != nil {
		return err
	}
	if c != want {
		return p.problem(problem)
	}
	p.in.pos++
	return nil
}

// closed consumes the closing bracket if it comes next.
func (p *Reader) closed(closing byte) (bool, error) {
	c, err := p.in.peek()
	if err != nil || c != closing {
		return false, err
	}
	p.in.pos++
	return true, nil
}

// another consumes what follows an element: a comma, or the closing bracket.
func (p *Reader) another(closing byte) (bool, error) {
	c, err := p.in.peek()
	if err != nil {
		return false, err
	}
	if c != ',' && c != closing {
		return false, p.problem("a comma is missing")
	}
	p.in.pos++
	return c == ',', nil
}

// record consumes one record: a valid object within the limit in one walk, anything else by its brackets.
func (p *Reader) record() (Element, error) {
	if _, err := p.in.peek(); err != nil {
		return Element{}, err
	}
	for {
		err := p.outline.Read(p.in.ahead())
		if size := p.outline.End; err == nil && size <= p.limit {
			p.in.pos += size
			return Element{Raw: p.in.held(), Size: int64(size), Outline: &p.outline}, nil
		}
		if !errors.Is(err, outline.ErrShort) || !p.more() {
			return p.next(p.limit)
		}
	}
}

// more reads on until twice as much is ahead: then all the walks over a large record that ends early are together no
// longer than two over the whole. It tells whether anything came.
func (p *Reader) more() bool {
	had := len(p.in.ahead())
	for len(p.in.ahead()) < min(2*had, p.limit+1) {
		if p.in.fill() != nil { // next meets the same error
			break
		}
	}
	return len(p.in.ahead()) > had
}

// next consumes one value, holding at most limit bytes of it.
func (p *Reader) next(limit int) (Element, error) {
	if _, err := p.in.peek(); err != nil {
		return Element{}, err
	}
	p.nesting.reset()
	begin := p.in.offset()
	p.head = p.head[:0]
	for {
		unread, err := p.in.unread()
		if err != nil {
			return Element{}, err
		}
		n, done, err := p.nesting.scan(unread)
		p.in.pos += n
		if err != nil {
			return Element{}, p.problem(err.Error())
		}
		size := p.in.offset() - begin
		if size > int64(limit) {
			p.spill()
		}
		if !done {
			continue
		}
		switch {
		case size == 0:
			return Element{}, p.problem("a value is missing")
		case size > int64(limit):
			return Element{Raw: p.head, Size: size, Oversized: true}, nil
		}
		return Element{Raw: p.in.held(), Size: size}, nil
	}
}

// spill lets go of the held part of a value that is too large, but for its head.
func (p *Reader) spill() {
	held := p.in.held()
	p.head = append(p.head, held[:min(len(held), headSize-len(p.head))]...)
	p.in.hold()
}

func (p *Reader) problem(text string) error {
	return &PageError{Problem: text, Offset: p.in.offset()}
}
