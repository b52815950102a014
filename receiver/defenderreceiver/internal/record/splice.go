package record

import (
	"bytes"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/outline"
)

// Splice returns the text of a record with an array as a member, in place of a member of that name where it has one. The
// record must be one that Parse has read, and the elements ones that Spliceable has seen.
func Splice(raw []byte, member string, elements [][]byte) []byte {
	array := append([]byte{'['}, bytes.Join(elements, []byte{','})...)
	array = append(array, ']')
	doc := document(raw)
	if at := doc.find(doc.whole(), member); !at.empty() {
		return replaced(raw, at, array)
	}
	end := bytes.LastIndexByte(raw, '}')
	return replaced(raw, span{end, end}, append([]byte(`,"`+member+`":`), array...))
}

func replaced(raw []byte, at span, text []byte) []byte {
	return bytes.Join([][]byte{raw[:at.start], text, raw[at.end:]}, nil)
}

// Spliceable tells whether a text can be an element of an array within a record: an object that is not nested too deeply.
func (s *Schema) Spliceable(raw []byte) bool {
	var o outline.Outline
	return s.unreadable(raw, &o) == "" && o.Depth <= s.maxDepth-2
}
