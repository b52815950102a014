package record

import (
	"strconv"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/xpdata"
)

// setBody sets v to the record's text, or to the map that it is.
func (w *writer) setBody(v pcommon.Value, opt Options) {
	if opt.BodyMap {
		w.object(v.SetEmptyMap(), w.rec.doc.whole())
	} else {
		v.SetStr(w.body)
	}
}

// value sets v to the value at s: null is the empty value, an integer that fits is one, any other number is a double.
// Parse has bounded the depth.
func (w *writer) value(v pcommon.Value, s span) {
	switch c := w.rec.doc.kind(s); c {
	case '{':
		w.object(v.SetEmptyMap(), s)
	case '[':
		w.array(v.SetEmptySlice(), s)
	case '"':
		v.SetStr(w.string(s))
	case 't', 'f':
		v.SetBool(c == 't')
	case 'n':
	default:
		setNumber(v, w.body[s.start:s.end])
	}
}

func setNumber(v pcommon.Value, text string) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		v.SetInt(n)
		return
	}
	// The only error a valid number can give is that it is too large, and then the result is infinite.
	f, _ := strconv.ParseFloat(text, 64)
	v.SetDouble(f)
}

func (w *writer) array(list pcommon.Slice, s span) {
	for element := range w.rec.doc.elements(s) {
		w.value(list.AppendEmpty(), element)
	}
}

// object fills m, which is empty. Of members of one name the last one counts, as for the attributes.
func (w *writer) object(m pcommon.Map, s span) {
	members := w.members(s)
	var builder xpdata.MapBuilder
	builder.EnsureCapacity(len(members))
	for i := range members {
		if !members[i].again {
			w.value(builder.AppendEmpty(members[i].name), members[i].value)
		}
	}
	builder.UnsafeIntoMap(m)
}

type member struct {
	name  string
	value span
	again bool // a later member has the same name
}

func (w *writer) members(s span) []member {
	members := make([]member, 0, 16)
	for name, value := range w.rec.doc.members(s) {
		members = append(members, member{name: w.string(name), value: value})
	}
	if len(members) > 32 {
		markRepeated(members)
		return members
	}
	for i := range members {
		for _, later := range members[i+1:] {
			if members[i].name == later.name {
				members[i].again = true
			}
		}
	}
	return members
}

// markRepeated does in linear time what comparing each with each does sooner for the few members that are usual.
func markRepeated(members []member) {
	last := make(map[string]int, len(members))
	for i := range members {
		if before, known := last[members[i].name]; known {
			members[before].again = true
		}
		last[members[i].name] = i
	}
}

// string returns what the string at s reads, "null" and the empty one too.
func (w *writer) string(s span) string {
	if w.rec.doc.plain(s) {
		return w.body[s.start+1 : s.end-1]
	}
	return string(w.rec.doc.unquote(s))
}
