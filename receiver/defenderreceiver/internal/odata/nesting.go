package odata

import (
	"bytes"
	"errors"
)

// nesting follows one JSON value through any number of chunks. It looks at strings and brackets alone, so that a record
// with a fault inside them is still split off whole, to be judged later and alone.
type nesting struct {
	depth    int
	kinds    []uint64 // a bit for each open bracket: 1 for {, 0 for [
	started  bool
	scalar   bool // a number or a literal, which has no closing mark
	inString bool
	escaped  bool // the chunk before ended within an escape
}

// mostKinds bounds what the brackets of a record cost: 128 KiB. Those nested deeper than that are counted only.
const mostKinds = 1 << 20

var errMismatch = errors.New("brackets that do not match")

func (n *nesting) reset() {
	*n = nesting{kinds: n.kinds[:0]}
}

// scan consumes the part of chunk, which is not empty, that belongs to the value, and tells whether the value has
// ended. A scalar ends before the byte that ends it.
func (n *nesting) scan(chunk []byte) (consumed int, done bool, err error) {
	n.start(chunk[0])
	if n.scalar {
		i := bytes.IndexAny(chunk, ",]}[{:\" \t\r\n")
		if i < 0 {
			return len(chunk), false, nil
		}
		return i, true, nil
	}
	for i := 0; i < len(chunk); {
		if n.inString {
			i += n.string(chunk[i:])
			if n.depth == 0 && !n.inString {
				return i, true, nil
			}
			continue
		}
		c := chunk[i]
		i++
		switch c {
		case '"':
			n.inString = true
		case '{', '[':
			n.open(c == '{')
		case '}', ']':
			if !n.close(c == '}') {
				return i, false, errMismatch
			}
			if n.depth == 0 {
				return i, true, nil
			}
		}
	}
	return len(chunk), false, nil
}

func (n *nesting) start(first byte) {
	if n.started {
		return
	}
	n.started = true
	n.scalar = first != '{' && first != '[' && first != '"'
}

// string consumes the rest of a string, with its closing quote if that is in chunk. A quote is escaped by an odd number
// of backslashes before it.
func (n *nesting) string(chunk []byte) int {
	i := 0
	if n.escaped {
		n.escaped = false
		i = 1
	}
	for {
		k := bytes.IndexByte(chunk[i:], '"')
		if k < 0 {
			n.escaped = endsEscaped(chunk[i:])
			return len(chunk)
		}
		escaped := endsEscaped(chunk[i : i+k])
		i += k + 1
		if !escaped {
			n.inString = false
			return i
		}
	}
}

func endsEscaped(text []byte) bool {
	odd := false
	for i := len(text) - 1; i >= 0 && text[i] == '\\'; i-- {
		odd = !odd
	}
	return odd
}

func (n *nesting) open(object bool) {
	if n.depth < mostKinds {
		word, bit := n.depth/64, uint64(1)<<(n.depth%64)
		if word == len(n.kinds) {
			n.kinds = append(n.kinds, 0)
		}
		n.kinds[word] &^= bit
		if object {
			n.kinds[word] |= bit
		}
	}
	n.depth++
}

func (n *nesting) close(object bool) bool {
	n.depth--
	if n.depth >= mostKinds {
		return true
	}
	return (n.kinds[n.depth/64]>>(n.depth%64)&1 == 1) == object
}
