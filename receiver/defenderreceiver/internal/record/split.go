package record

import (
	"crypto/sha256"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
)

// Split names the parts of a record that become log records of their own, as the configuration writes it.
type Split string

// The splits.
const (
	SplitNone     Split = "none"
	SplitAlerts   Split = "alerts"   // the alerts of an incident
	SplitEvidence Split = "evidence" // the evidence of an alert
)

const (
	// MaxParts and maxPartsBytes bound what is made of one record: one that would be more comes whole. Incidents of
	// Microsoft have some hundred alerts at most.
	MaxParts      = 10_000
	maxPartsBytes = 256 << 20
)

// parts says where the records of a source have parts. Severity, times and attributes of a part are read with schema, or
// are those of the whole record where it is nil.
type parts struct {
	split  Split
	member string // the array
	schema *Schema
	slot   int
}

// alertsWithin are the alerts of an incident. The incident's id is said of each by whoever splits.
func alertsWithin(member string, alert *Schema) *parts {
	own := *alert
	own.fields = nil
	for _, f := range alert.fields {
		if f.attribute != attrIncidentID {
			own.fields = append(own.fields, f)
		}
	}
	return &parts{split: SplitAlerts, member: member, schema: &own}
}

func evidenceWithin(member string) *parts { return &parts{split: SplitEvidence, member: member} }

// Splits returns how the records of the source can be split, SplitNone where they cannot.
func (s *Schema) Splits() Split {
	if s.parts == nil {
		return SplitNone
	}
	return s.parts.split
}

// Room returns where the next log record is to be appended, which takes that many bytes.
type Room func(size int64) (plog.LogRecordSlice, error)

// AppendParts adds a log record for each part of a record that opt.Split asks for, and the whole record where it has no
// such parts or too many. An element that cannot be a part is not lost: then the whole record comes after its parts. The
// first skip log records are passed over, which are the same for the same text. An error of room ends it.
func (s *Schema) AppendParts(rec *Record, opt Options, e Emission, skip int, room Room) error {
	sp := splitting{schema: s, rec: rec, opt: opt, emission: e, skip: skip, room: room, seen: map[string]int{}}
	if !sp.begin() {
		return sp.whole()
	}
	some, left := false, false
	for element := range rec.doc.elements(sp.list) {
		switch appended, err := sp.append(element); {
		case err != nil:
			return err
		case appended:
			some = true
		default:
			left = left || rec.doc.kind(element) != 'n' // null says nothing
		}
	}
	if left || !some {
		return sp.whole()
	}
	return nil
}

// splitting is one record that becomes parts.
type splitting struct {
	schema   *Schema
	rec      *Record
	opt      Options
	emission Emission
	skip     int
	room     Room

	list  span           // the array
	part  Record         // the alert that is read
	shell int            // bytes of the record that are around the part in every body
	seen  map[string]int // parts so far, by what tells them apart

	// inherited and attributes are the whole record's, for parts that have none of their own. What they say is cut from
	// one copy of the record's text, of which copied bytes are still to be counted.
	inherited      writer
	attributes     pcommon.Map
	attributesSize int
	copied         int
}

// begin prepares what the parts have in common, and tells whether the record is to be split at all.
func (sp *splitting) begin() bool {
	p := sp.schema.parts
	if p == nil || p.split != sp.opt.Split {
		return false
	}
	sp.list = sp.rec.at(p.slot)
	if sp.opt.SplitParent {
		sp.shell = len(sp.rec.doc) - (sp.list.end - sp.list.start)
	}
	count, size := 0, 0
	for element := range sp.rec.doc.elements(sp.list) {
		if count++; count > MaxParts {
			return false
		}
		size += element.end - element.start
	}
	if count == 0 {
		return false
	}
	if p.schema == nil {
		sp.inherit()
	}
	return size+count*(sp.shell+sp.attributesSize) <= maxPartsBytes
}

// inherit reads the attributes of the whole record.
func (sp *splitting) inherit() {
	sp.inherited = writer{rec: sp.rec, body: string(sp.rec.doc)}
	sp.inherited.attributes(sp.schema, sp.emission)
	sp.attributes = pcommon.NewMap()
	sp.inherited.builder.UnsafeIntoMap(sp.attributes)
	for key, value := range sp.attributes.All() {
		sp.attributesSize += len(key) + len(value.AsString())
	}
	sp.copied = len(sp.rec.doc)
}

// skipped tells whether the next log record is one to pass over.
func (sp *splitting) skipped() bool {
	sp.skip--
	return sp.skip >= 0
}

func (sp *splitting) whole() error {
	if sp.skipped() {
		return nil
	}
	lrs, err := sp.room(int64(len(sp.rec.doc)))
	if err == nil {
		sp.schema.AppendTo(lrs, sp.rec, sp.opt, sp.emission)
	}
	return err
}

// append adds the log record of one element, and tells whether that can be one: an object that names no other tenant.
func (sp *splitting) append(element span) (bool, error) {
	if sp.rec.doc.kind(element) != '{' {
		return false, nil
	}
	own := sp.own(element)
	if own == nil && sp.schema.parts.schema != nil {
		return false, nil
	}
	if own != nil && own.TenantID != "" && sp.rec.TenantID != "" && own.TenantID != sp.rec.TenantID {
		return false, nil
	}
	id := ""
	if own != nil {
		id = own.ID
	}
	uid := sp.uid(id, element)
	if sp.skipped() {
		return true, nil
	}
	lrs, err := sp.room(int64(element.end - element.start + sp.shell + sp.attributesSize + sp.copied))
	if err != nil {
		return false, err
	}
	sp.copied = 0
	if own != nil {
		sp.appendOwn(lrs.AppendEmpty(), own, element, uid)
	} else {
		sp.appendInherited(lrs.AppendEmpty(), element, uid)
	}
	return true, nil
}

// own reads an element that is a record itself; nil where it is none.
func (sp *splitting) own(element span) *Record {
	schema := sp.schema.parts.schema
	if schema == nil {
		return nil
	}
	own, text := &sp.part, sp.rec.doc[element.start:element.end]
	if own.outline.Read(text) != nil {
		return nil
	}
	schema.locate(text, &own.outline, own)
	own.ID = string(own.id(schema.id))
	own.TenantID = strings.ToLower(string(own.text(schema.tenant)))
	own.Updated = sp.rec.Updated
	if updated, ok := own.instant(schema.updated); ok && nanoseconds(updated) != 0 {
		own.Updated = updated
	}
	return own
}

// appendOwn fills the log record of an alert within an incident.
func (sp *splitting) appendOwn(lr plog.LogRecord, own *Record, element span, uid string) {
	schema := sp.schema.parts.schema
	e := sp.emission
	e.UID = uid
	text, at := sp.body(element)
	w := writer{rec: own, body: text[at : at+element.end-element.start]}
	w.head(lr, schema, sp.opt, e)
	sp.setBody(lr.Body(), text)
	w.attributes(schema, e)
	w.put(attrParentUID, sp.emission.UID)
	w.put(attrIncidentID, sp.rec.ID)
	w.builder.UnsafeIntoMap(lr.Attributes())
}

// appendInherited fills the log record of a piece of evidence, which has only a body and a uid of its own.
func (sp *splitting) appendInherited(lr plog.LogRecord, element span, uid string) {
	text, _ := sp.body(element)
	sp.inherited.head(lr, sp.schema, sp.opt, sp.emission)
	sp.setBody(lr.Body(), text)
	sp.attributes.CopyTo(lr.Attributes())
	lr.Attributes().PutStr(attrUID, uid)
	lr.Attributes().PutStr(attrParentUID, sp.emission.UID)
}

func (sp *splitting) setBody(v pcommon.Value, text string) {
	w := writer{body: text}
	if sp.opt.BodyMap {
		w.rec = &Record{doc: document(text)}
	}
	w.setBody(v, sp.opt)
}

// body returns the body of a part, and where in it the part itself begins.
func (sp *splitting) body(element span) (text string, at int) {
	doc := sp.rec.doc
	part := doc[element.start:element.end]
	if !sp.opt.SplitParent {
		return string(part), 0
	}
	var b strings.Builder
	b.Grow(sp.shell + len(part))
	b.Write(doc[:sp.list.start])
	b.Write(part)
	b.Write(doc[sp.list.end:])
	return b.String(), sp.list.start
}

// uid returns what UID would: the same for the same part of the same version on every run, wherever in the array it is.
// Parts are told apart by their id or else by their text, and those that are alike are counted.
func (sp *splitting) uid(id string, element span) string {
	key := "id " + id
	if id == "" {
		sum := sha256.Sum256(sp.rec.doc[element.start:element.end])
		key = "text " + string(sum[:])
	}
	n := sp.seen[key]
	sp.seen[key]++
	return UID(sp.emission.UID, string(sp.opt.Split), key, odata.Instant(n))
}
