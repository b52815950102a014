package record

import (
	"bytes"
	"iter"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/outline"
)

// document is a JSON text that is walked without being decoded. The walk follows strings and brackets alone: on a text
// that is not valid it ends early or yields nonsense, but it ends and stays within the text. A value that the end of
// the text may have cut off is not yielded.
type document []byte

// span is the place of a value or a name in a document. The empty span is a value that is not there.
type span struct{ start, end int }

func (s span) empty() bool { return s.start == s.end }

// whole returns the place of the document's value, without the white space before it.
func (d document) whole() span { return span{d.skipSpace(0), len(d)} }

// kind returns the first byte of the value at s, which tells what it is; 0 where there is none.
func (d document) kind(s span) byte {
	if s.empty() {
		return 0
	}
	return d[s.start]
}

// members yields the names, with their quotes, and the values of the object at s; nothing if s is no object.
func (d document) members(s span) iter.Seq2[span, span] {
	return func(yield func(name, value span) bool) {
		if d.kind(s) != '{' {
			return
		}
		for i := d.skipSpace(s.start + 1); i < s.end && d[i] == '"'; {
			name := span{i, outline.StringEnd(d, i)}
			i = d.skipSpace(name.end)
			if i >= s.end || d[i] != ':' {
				return
			}
			i = d.skipSpace(i + 1)
			value := span{i, d.valueEnd(i)}
			if value.empty() || value.end >= s.end || !yield(name, value) {
				return
			}
			i = d.skipComma(value.end)
		}
	}
}

// elements yields the elements of the array at s; nothing if s is no array.
func (d document) elements(s span) iter.Seq[span] {
	return func(yield func(span) bool) {
		if d.kind(s) != '[' {
			return
		}
		for i := d.skipSpace(s.start + 1); i < s.end && d[i] != ']'; {
			value := span{i, d.valueEnd(i)}
			if value.empty() || value.end >= s.end || !yield(value) {
				return
			}
			i = d.skipComma(value.end)
		}
	}
}

// find returns the value of a member of the object at s; of the last one, where there are several.
func (d document) find(s span, name string) span {
	var found span
	for n, value := range d.members(s) {
		if d.reads(n, name) {
			found = value
		}
	}
	return found
}

// reads tells whether the string at s reads so, which has nothing to escape. Most are written as they read.
func (d document) reads(s span, text string) bool {
	inner := d[s.start+1 : s.end-1]
	return string(inner) == text || bytes.IndexByte(inner, '\\') >= 0 && string(d.unquote(s)) == text
}

// plain tells whether the string at s is written as it reads.
func (d document) plain(s span) bool {
	inner := d[s.start+1 : s.end-1]
	return bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner)
}

// decode returns what the string at s reads; it may be a part of the document.
func (d document) decode(s span) []byte {
	if d.plain(s) {
		return d[s.start+1 : s.end-1]
	}
	return d.unquote(s)
}

// text returns the string at s, nothing where there is none or it is empty. Microsoft writes "null" for null too.
func (d document) text(s span) []byte {
	if d.kind(s) != '"' {
		return nil
	}
	text := d.decode(s)
	if string(text) == "null" {
		return nil
	}
	return text
}

// id returns the string at s, or the number as it is written there, never by way of a float.
func (d document) id(s span) []byte {
	if d.isNumber(s) {
		return d[s.start:s.end]
	}
	return d.text(s)
}

func (d document) isNumber(s span) bool {
	c := d.kind(s)
	return c == '-' || '0' <= c && c <= '9'
}

// unquote decodes the string at s. What is not UTF-8 is replaced, which is all its error can say of a valid document.
func (d document) unquote(s span) []byte {
	text, _ := jsontext.AppendUnquote([]byte(nil), []byte(d[s.start:s.end]))
	return text
}

func (d document) skipSpace(i int) int {
	for i < len(d) && (d[i] == ' ' || d[i] == '\n' || d[i] == '\r' || d[i] == '\t') {
		i++
	}
	return i
}

// skipComma passes over what separates two elements.
func (d document) skipComma(i int) int {
	i = d.skipSpace(i)
	if i < len(d) && d[i] == ',' {
		i = d.skipSpace(i + 1)
	}
	return i
}

// valueEnd returns the place after the value that begins at i.
func (d document) valueEnd(i int) int {
	depth := 0
	for i < len(d) {
		switch d[i] {
		case '"':
			i = outline.StringEnd(d, i)
		case '{', '[':
			depth++
			i++
		case '}', ']':
			if depth == 0 {
				return i // nothing is here
			}
			depth--
			i++
		default:
			if depth == 0 {
				return d.scalarEnd(i)
			}
			i++
			continue
		}
		if depth == 0 {
			return i
		}
	}
	return len(d)
}

func (d document) scalarEnd(i int) int {
	for i < len(d) {
		switch d[i] {
		case ',', ']', '}', ' ', '\n', '\r', '\t':
			return i
		}
		i++
	}
	return i
}
