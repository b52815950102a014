package world

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// writer appends JSON text member by member. It is written by hand because a page holds 10,000 records of some 40
// members each, and because the order of members is part of what is simulated.
type writer struct {
	b []byte
	// comma is set where the next member or element needs one before it.
	comma bool
}

func (w *writer) separate() {
	if w.comma {
		w.b = append(w.b, ',')
	}
	w.comma = true
}

func (w *writer) begin(bracket byte) {
	w.separate()
	w.b = append(w.b, bracket)
	w.comma = false
}

func (w *writer) end(bracket byte) {
	w.b = append(w.b, bracket)
	w.comma = true
}

// key writes a member's name; its value must follow.
func (w *writer) key(name string) {
	w.separate()
	w.b = append(w.b, '"')
	w.b = append(w.b, name...)
	w.b = append(w.b, '"', ':')
	w.comma = false
}

func (w *writer) object(name string, members func()) {
	w.key(name)
	w.element(members)
}

// element writes an object inside of an array.
func (w *writer) element(members func()) {
	w.begin('{')
	members()
	w.end('}')
}

func (w *writer) array(name string, elements func()) {
	w.key(name)
	w.begin('[')
	elements()
	w.end(']')
}

// text writes a string, null if it is empty.
func (w *writer) text(name, value string) {
	w.key(name)
	if value == "" {
		w.null()
		return
	}
	w.value(value)
}

func (w *writer) value(s string) {
	w.separate()
	w.b = append(w.b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			w.b = append(w.b, '\\', c)
		case c == '\n':
			w.b = append(w.b, '\\', 'n')
		case c < ' ':
			w.b = fmt.Appendf(w.b, `\u%04x`, c)
		default:
			w.b = append(w.b, c)
		}
	}
	w.b = append(w.b, '"')
}

func (w *writer) null() {
	w.separate()
	w.b = append(w.b, "null"...)
}

// number writes an integer, null if it is zero.
func (w *writer) number(name string, n int64) {
	w.key(name)
	if n == 0 {
		w.null()
		return
	}
	w.separate()
	w.b = strconv.AppendInt(w.b, n, 10)
}

// when writes a point in time, null if it is zero.
func (w *writer) when(name string, t time.Time) {
	w.key(name)
	if t.IsZero() {
		w.null()
		return
	}
	w.separate()
	w.b = append(w.b, '"')
	w.b = t.AppendFormat(w.b, timeLayout)
	w.b = append(w.b, '"')
}

func (w *writer) texts(name string, values ...string) {
	w.array(name, func() {
		for _, v := range values {
			w.value(v)
		}
	})
}

func (w *writer) nulls(names ...string) {
	for _, name := range names {
		w.key(name)
		w.null()
	}
}

// override returns object with members replaced or added. Only explicit tests need it, so it may be slow and lose the
// order.
func override(object []byte, members map[string]any) []byte {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(object, &all); err != nil {
		panic(err) // the writer's own text
	}
	for name, value := range members {
		member, err := json.Marshal(value)
		if err != nil {
			panic(err) // a test put something into Members that is not JSON
		}
		all[name] = member
	}
	text, err := json.Marshal(all)
	if err != nil {
		panic(err) // checked above
	}
	return text
}
