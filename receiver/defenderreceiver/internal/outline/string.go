package outline

import (
	"encoding/binary"
	"math/bits"
)

// string reads the string whose quote is at i, and tells whether it has an escape.
func (r *reader) string(i int) (end int, escaped bool) {
	i++
	for {
		i = plain(r.text, i)
		switch r.at(i) {
		case '"':
			return i + 1, escaped
		case '\\':
			escaped = true
			i = r.escape(i)
			if r.err != nil {
				return i, escaped
			}
		default:
			return r.fail(ErrInvalid), escaped
		}
	}
}

// StringEnd returns the place after the string whose quote is at i, the end of the text where it has no other one. It
// does not care what is in the string.
func StringEnd(text []byte, i int) int {
	for i++; i < len(text); i++ {
		i = plain(text, i)
		switch {
		case i >= len(text):
		case text[i] == '"':
			return i + 1
		case text[i] == '\\':
			i++
		}
	}
	return len(text)
}

// escape reads the escape whose backslash is at i.
func (r *reader) escape(i int) int {
	switch r.at(i + 1) {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
		for k := i + 2; k < i+6; k++ {
			if !isHex(r.at(k)) {
				return r.fail(ErrInvalid)
			}
		}
		return i + 6
	default:
		return r.fail(ErrInvalid)
	}
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F' }

// plain returns the place of the first byte from i on that does not stand for itself in a string: a quote, a backslash
// or a control character. It looks at eight bytes at a time.
func plain(text []byte, i int) int {
	for ; i+8 <= len(text); i += 8 {
		if found := special(binary.LittleEndian.Uint64(text[i:])); found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for ; i < len(text); i++ {
		if c := text[i]; c == '"' || c == '\\' || c < ' ' {
			return i
		}
	}
	return i
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special marks the high bit of each byte that is a quote, a backslash or below a space. A byte above the first that is
// marked may be marked wrongly: subtracting borrows from it. With their second bit turned, quotes and control characters
// are those up to a space.
func special(eight uint64) uint64 {
	low, backslash := eight^2*ones, eight^'\\'*ones
	return ((low-('!'*ones))&^low | (backslash-ones)&^backslash) & highs
}
