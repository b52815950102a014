package odata

import (
	"fmt"
	"io"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/outline"
)

// Limits bound what a page may hold.
type Limits struct {
	// MaxRecord is the most bytes of one record that are held; DefaultMaxRecord if it is not positive.
	MaxRecord int
}

// DefaultMaxRecord is the limit of a record where none is set: 16 MiB. An incident with all its alerts can be some MiB.
const DefaultMaxRecord = 16 << 20

// Element is one element of a page.
type Element struct {
	// Raw is the element's text byte for byte, without white space around it. It is valid only during the call.
	Raw []byte
	// Size is the length of the element in bytes.
	Size int64
	// Outline is that of an element that is a JSON object, valid only during the call. It is nil for another element, and
	// for one that could not be read in one go, which is judged by who takes it.
	Outline *outline.Outline
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

// ReadOne does the same for an answer that is a single record.
func ReadOne(r io.Reader, limits Limits, emit func(Element) error) (Page, error) {
	p := newPageReader(r, limits, emit)
	return p.read(p.one)
}
