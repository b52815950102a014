package record

import "go.opentelemetry.io/collector/pdata/xpdata"

// writer builds the attributes and the body of one log record. What a text says without escapes is cut from body, a
// copy of the record's text, instead of being copied again.
type writer struct {
	rec     *Record
	body    string
	builder xpdata.MapBuilder
}

// attributes adds those of the emission, the fields and the groups. None comes twice: the builder does not look.
func (w *writer) attributes(s *Schema, e Emission) {
	w.builder.EnsureCapacity(len(s.fields) + 6)
	w.put(attrUID, e.UID)
	w.put(attrSource, e.Source)
	w.put(attrChange, change(e.Update))
	for i := range s.fields {
		w.field(&s.fields[i])
	}
	for i := range s.groups {
		w.group(&s.groups[i], s.alerts)
	}
}

func change(update bool) string {
	if update {
		return "updated"
	}
	return "created"
}

// put adds an attribute unless it is empty. A value must be set before the next one is added, which may move it.
func (w *writer) put(attribute, value string) bool {
	if value == "" {
		return false
	}
	w.builder.AppendEmpty(attribute).SetStr(value)
	return true
}

func (w *writer) field(f *field) {
	at := w.rec.at(f.slot)
	if f.inner != "" {
		at = w.rec.doc.find(at, f.inner)
	}
	switch f.kind {
	case kindText:
		w.put(f.attribute, w.text(at))
	case kindID:
		w.put(f.attribute, w.id(at))
	case kindTexts:
		w.putTexts(f.attribute, at)
	case kindCount:
		w.putCount(f.attribute, f.slot)
	}
}

func (w *writer) putTexts(attribute string, at span) {
	var found []string
	if one := w.text(at); one != "" {
		found = append(found, one)
	}
	for element := range w.rec.doc.elements(at) {
		if text := w.text(element); text != "" {
			found = append(found, text)
		}
	}
	if len(found) == 0 {
		return
	}
	list := w.builder.AppendEmpty(attribute).SetEmptySlice()
	list.EnsureCapacity(len(found))
	for _, text := range found {
		list.AppendEmpty().SetStr(text)
	}
}

func (w *writer) putCount(attribute string, slot int) {
	if w.rec.doc.kind(w.rec.at(slot)) == '[' {
		w.builder.AppendEmpty(attribute).SetInt(int64(w.rec.lengths[slot]))
	}
}

// group looks for a group in the record or, where it is an incident, in its alerts.
func (w *writer) group(g *group, alerts int) {
	if alerts == absent {
		w.first(g, w.rec.at(g.slot))
		return
	}
	for alert := range w.rec.doc.elements(w.rec.at(alerts)) {
		if w.first(g, w.rec.doc.find(alert, g.list)) {
			return
		}
	}
}

// first adds the values of the first element of a list that is of the group's type, and tells whether it had any.
func (w *writer) first(g *group, list span) bool {
	for element := range w.rec.doc.elements(list) {
		if g.typeMember != "" && string(w.rec.doc.text(w.rec.doc.find(element, g.typeMember))) != g.typeName {
			continue
		}
		found := false
		for _, value := range g.values {
			found = w.put(value.attribute, w.choose(element, value.paths)) || found
		}
		return found
	}
	return false
}

func (w *writer) choose(element span, paths []path) string {
	for _, p := range paths {
		at := w.rec.doc.find(element, p[0])
		if p[1] != "" {
			at = w.rec.doc.find(at, p[1])
		}
		if text := w.text(at); text != "" {
			return text
		}
	}
	return ""
}

// text is document.text without a copy where that can be.
func (w *writer) text(at span) string {
	doc := w.rec.doc
	if doc.kind(at) == '"' && doc.plain(at) {
		if text := w.body[at.start+1 : at.end-1]; text != "null" {
			return text
		}
		return ""
	}
	return string(doc.text(at))
}

// id is document.id without a copy where that can be.
func (w *writer) id(at span) string {
	if w.rec.doc.isNumber(at) {
		return w.body[at.start:at.end]
	}
	return w.text(at)
}
