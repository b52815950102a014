package odata

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Limits bound what a page may hold.
type Limits struct {
	// MaxRecord is the most bytes of one record that are held; DefaultMaxRecord if it is not positive.
	MaxRecord int
}

// DefaultMaxRecord is the limit of a record where none is set: 16 MiB. An incident with all its alerts can be some MiB.
const DefaultMaxRecord = 16 << 20

const (
	// headSize is how much of a record is kept that is too large to be held.
	headSize    = 4 << 10
	maxNextLink = 16 << 10
	maxName     = 1 << 10
)

// Element is one element of a page.
type Element struct {
	// Raw is the element's text byte for byte, without white space around it. It is valid only during the call.
	Raw []byte
	// Size is the length of the element in bytes.
	Size int64
	// Oversized tells that the element is larger than allowed. Raw then holds its first part, at most 4 KiB.
	Oversized bool
}

// Page says what a page was apart from its records.
type Page struct {
	// Records is the number of elements that emit has taken.
	Records int
	// NextLink is where the API says it goes on; empty where it says nothing.
	NextLink string
	// Bytes is the length of what was read.
	Bytes int64
}

// PageError says that an answer is not a page.
type PageError struct {
	// Problem says in a few words what is wrong.
	Problem string
	// Offset is the number of bytes before the place.
	Offset int64
}

// Error returns the problem and the place.
func (e *PageError) Error() string {
	return fmt.Sprintf("not a page: %s at byte %d", e.Problem, e.Offset)
}

// ReadPage splits the elements of the top-level array "value" off r, one by one, and reads r to its end. What is held
// is set by the largest element, not by the page. Elements are not judged: whatever lies between balanced brackets is
// passed on. The error is a *PageError for an answer that is not a page (also one that ends early, or goes on after its
// end), and otherwise wraps that of r or emit; what was emitted before it stands.
func ReadPage(r io.Reader, limits Limits, emit func(Element) error) (Page, error) {
	p := newPageReader(r, limits, emit)
	return p.read(p.envelope)
}

// ReadArray does the same for an answer that is an array itself, as that of the legacy SIEM API is.
func ReadArray(r io.Reader, limits Limits, emit func(Element) error) (Page, error) {
	p := newPageReader(r, limits, emit)
	return p.read(p.array)
}

type pageReader struct {
	in      *stream
	emit    func(Element) error
	limit   int
	page    Page
	value   bool // the member value was seen
	link    bool // the member @odata.nextLink was seen
	nesting nesting
	head    []byte
}

func newPageReader(r io.Reader, limits Limits, emit func(Element) error) *pageReader {
	limit := limits.MaxRecord
	if limit <= 0 {
		limit = DefaultMaxRecord
	}
	return &pageReader{in: newStream(r), emit: emit, limit: limit}
}

// read reads the body as a whole: its content, and nothing but white space around it.
func (p *pageReader) read(content func() error) (Page, error) {
	err := p.whole(content)
	if errors.Is(err, errEnd) {
		err = p.problem("it ends early")
	}
	p.page.Bytes = p.in.offset()
	return p.page, err
}

func (p *pageReader) whole(content func() error) error {
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
func (p *pageReader) begin() error {
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
func (p *pageReader) envelope() error {
	if err := p.members(); err != nil {
		return err
	}
	if !p.value {
		return p.problem("it has no value")
	}
	return nil
}

func (p *pageReader) members() error {
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

func (p *pageReader) member() error {
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
func (p *pageReader) name() (string, error) {
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
func (p *pageReader) nextLink() error {
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

func (p *pageReader) text(e Element, problem string) (string, error) {
	var text string
	if e.Raw[0] != '"' || json.Unmarshal(e.Raw, &text) != nil {
		return "", p.problem(problem)
	}
	return text, nil
}

// array reads an array and emits its elements.
func (p *pageReader) array() error {
	if err := p.expect('[', "the records are not an array"); err != nil {
		return err
	}
	if empty, err := p.closed(']'); err != nil || empty {
		return err
	}
	for {
		e, err := p.next(p.limit)
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

func (p *pageReader) expect(want byte, problem string) error {
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
func (p *pageReader) closed(closing byte) (bool, error) {
	c, err := p.in.peek()
	if err != nil || c != closing {
		return false, err
	}
	p.in.pos++
	return true, nil
}

// another consumes what follows an element: a comma, or the closing bracket.
func (p *pageReader) another(closing byte) (bool, error) {
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

// next consumes one value, holding at most limit bytes of it.
func (p *pageReader) next(limit int) (Element, error) {
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
func (p *pageReader) spill() {
	held := p.in.held()
	p.head = append(p.head, held[:min(len(held), headSize-len(p.head))]...)
	p.in.hold()
}

func (p *pageReader) problem(text string) error {
	return &PageError{Problem: text, Offset: p.in.offset()}
}
