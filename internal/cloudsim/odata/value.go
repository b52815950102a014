package odata

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Kind is the type of a property.
type Kind int

// The kinds. Strings and enumerations compare without regard to case; an enumeration has no order.
const (
	String Kind = iota + 1
	Enum
	Time
	Int
)

// Value is what a property of a record holds. The zero value is null.
type Value struct {
	Kind Kind
	Text string
	Time time.Time
	Int  int64
}

// Text returns a string or, where it is empty, null: the APIs leave such properties null.
func Text(s string) Value {
	if s == "" {
		return Value{}
	}
	return Value{Kind: String, Text: s}
}

// Instant returns a point in time.
func Instant(t time.Time) Value { return Value{Kind: Time, Time: t} }

// Number returns an integer.
func Number(n int64) Value { return Value{Kind: Int, Int: n} }

// compare orders two values of the same kind.
func compare(a, b Value) int {
	switch a.Kind {
	case Time:
		return a.Time.Compare(b.Time)
	case Int:
		return cmp.Compare(a.Int, b.Int)
	default:
		return strings.Compare(strings.ToLower(a.Text), strings.ToLower(b.Text))
	}
}

// literal reads token as a value for a property of the wanted kind.
func literal(tok token, kind Kind) (Value, error) {
	if tok.kind == word && tok.text == "null" {
		return Value{}, nil
	}
	switch kind {
	case Time:
		return timeLiteral(tok)
	case Int:
		n, err := strconv.ParseInt(tok.text, 10, 64)
		if err != nil || tok.kind != word {
			return Value{}, fmt.Errorf("literal %q is not an Edm.Int64", tok.text)
		}
		return Number(n), nil
	default:
		if tok.kind != quoted {
			return Value{}, fmt.Errorf("literal %q is not a quoted Edm.String", tok.text)
		}
		return Value{Kind: String, Text: tok.text}, nil
	}
}

// maxFraction is the precision of Edm.DateTimeOffset in these APIs: 100 ns.
const maxFraction = 7

func timeLiteral(tok token) (Value, error) {
	if tok.kind != word {
		return Value{}, fmt.Errorf("quoted literal %q is not an Edm.DateTimeOffset", tok.text)
	}
	t, err := time.Parse(time.RFC3339Nano, tok.text)
	if err != nil || fractionDigits(tok.text) > maxFraction {
		return Value{}, fmt.Errorf("unrecognized Edm.DateTimeOffset literal %q", tok.text)
	}
	return Instant(t), nil
}

func fractionDigits(s string) int {
	_, fraction, ok := strings.Cut(s, ".")
	if !ok {
		return 0
	}
	return len(fraction) - len(strings.TrimLeft(fraction, "0123456789"))
}

// Of returns the value of a Go string, time.Time or int64; null for anything else.
func Of(v any) Value {
	switch v := v.(type) {
	case string:
		return Text(v)
	case time.Time:
		return Instant(v)
	case int64:
		return Number(v)
	default:
		return Value{}
	}
}
