package outline

import (
	"errors"
	"fmt"
)

const (
	// MaxDepth is how many brackets may be open at once; deeper texts are not read.
	MaxDepth = 1000
	// MaxMembers bounds the members that are kept. A record of a few MiB could have a million.
	MaxMembers = 1000
)

// Errors of Read.
var (
	ErrInvalid = errors.New("not a JSON object")
	ErrTooDeep = fmt.Errorf("more than %d brackets are open at once", MaxDepth)
	// ErrShort says that the text may be the beginning of an object.
	ErrShort = errors.New("the JSON object has no end")
)

// Span is a place in a text.
type Span struct{ Start, End int }

// Member is a member of the object.
type Member struct {
	// Name is the place of the name without its quotes, Value that of the value.
	Name, Value Span
	// Escaped tells that the name is not written as it reads.
	Escaped bool
	// Elements is the number of elements of a value that is an array, and means nothing for another one.
	Elements int
}

// Outline is what Read found. It can be used again for the next text.
type Outline struct {
	// Members are those of the object itself, as they come, at most MaxMembers; of one name there may be several.
	Members []Member
	// More tells that there are members that were not kept.
	More bool
	// Depth is how many brackets are open at the deepest place, as far as was read.
	Depth int
	// End is the place after the object.
	End int
}

// Read reads the object that text begins with, but for white space, and leaves what follows it. It takes what RFC 8259
// allows, and like encoding/json does not look at whether strings are UTF-8. The time is linear in the text up to where
// the object ends or goes wrong.
func (o *Outline) Read(text []byte) error {
	*o = Outline{Members: o.Members[:0]}
	r := reader{text: text, outline: o}
	c, i := r.token(0)
	if c != '{' {
		r.fail(ErrInvalid)
		return r.err
	}
	if i = r.object(i, 1); r.err != nil {
		return r.err
	}
	o.End = i
	return nil
}

func (o *Outline) keep(m Member) {
	if len(o.Members) == MaxMembers {
		o.More = true
		return
	}
	o.Members = append(o.Members, m)
}
