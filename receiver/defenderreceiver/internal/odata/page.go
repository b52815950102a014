package odata

import (
	"fmt"

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
