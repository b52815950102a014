package record

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/outline"
)

// DefaultMaxDepth is how many brackets may be open at once in a record where nothing else is said. Those of Microsoft are
// below ten.
const DefaultMaxDepth = 64

// Record is one version of an alert, incident or detection. The exported fields are its own; the rest refers to the
// text it was read from. A Record can be used again for the next text.
type Record struct {
	// ID is the record's id in its tenant and source, never empty.
	ID string
	// Updated is the version: when the record was changed last.
	Updated odata.Instant
	// TenantID is the tenant that the record names, in lower case; empty where it names none.
	TenantID string
	// Created is when the record was created; 0 where it does not say so readably.
	Created odata.Instant

	doc     document
	outline outline.Outline
	values  []span // by slot of the schema; where a member comes twice the last one counts
	lengths []int  // of those that are arrays
}

// Reasons why a record cannot be used. The last two are for the caller, who alone knows the tenant and the limit.
const (
	ReasonNotAnObject   = "not_an_object"
	ReasonInvalidJSON   = "invalid_json"
	ReasonNoID          = "no_id"
	ReasonNoUpdateTime  = "no_update_time"
	ReasonTooDeep       = "too_deep"
	ReasonForeignTenant = "foreign_tenant"
	ReasonOversized     = "oversized"
)

// UnusableError says why one record cannot be used. The other records of its page can.
type UnusableError struct {
	// Reason is one of the Reason constants.
	Reason string
	// ID is the record's id where it could be found.
	ID string
	// Detail says more in a few words; may be empty.
	Detail string
}

// Error returns the reason, the id and the detail in one line.
func (e *UnusableError) Error() string {
	message := "unusable record: " + e.Reason
	if e.ID != "" {
		message += fmt.Sprintf(", id %.100q", e.ID)
	}
	if e.Detail != "" {
		message += ": " + e.Detail
	}
	return message
}

// Parse reads what tells a record and its version from others, and leaves the rest to AppendTo. The text raw must stay
// unchanged as long as the record is in use. The error is always an *UnusableError, and the record then means nothing.
func (s *Schema) Parse(raw []byte, into *Record) error {
	into.forget()
	if reason := s.unreadable(raw, &into.outline); reason != "" {
		return &UnusableError{Reason: reason, ID: s.ID(raw)}
	}
	return s.ParseOutlined(raw, &into.outline, into)
}

// ParseOutlined is Parse for a text of which the outline is known.
func (s *Schema) ParseOutlined(raw []byte, o *outline.Outline, into *Record) error {
	s.locate(raw, o, into)
	into.ID = string(into.id(s.id))
	if o.Depth > s.maxDepth {
		return &UnusableError{Reason: ReasonTooDeep, ID: into.ID}
	}
	if into.ID == "" {
		return &UnusableError{Reason: ReasonNoID}
	}
	updated, err := odata.ParseInstant(into.text(s.updated))
	if err != nil {
		return &UnusableError{Reason: ReasonNoUpdateTime, ID: into.ID, Detail: err.Error()}
	}
	into.Updated = updated
	into.Created, _ = into.instant(s.created)
	into.TenantID = strings.ToLower(string(into.text(s.tenant)))
	return nil
}

// ID returns the id of a record that is not whole or not valid, such as the head of one that is too large; empty where
// it is not in what there is.
func (s *Schema) ID(part []byte) string {
	doc, found := document(part), span{}
	for name, value := range doc.members(doc.whole()) {
		if slot, known := s.members[string(doc.decode(name))]; known && slot == s.id {
			found = value
		}
	}
	return string(doc.id(found))
}

// locate finds the places of the members that the schema looks at.
func (s *Schema) locate(raw []byte, o *outline.Outline, into *Record) {
	into.forget()
	into.doc = raw
	into.values = slices.Grow(into.values[:0], len(s.members))[:len(s.members)]
	into.lengths = slices.Grow(into.lengths[:0], len(s.members))[:len(s.members)]
	clear(into.values)
	if o.More {
		s.search(into)
		return
	}
	for i := range o.Members {
		m := &o.Members[i]
		name := raw[m.Name.Start:m.Name.End]
		if m.Escaped {
			name = into.doc.unquote(span{m.Name.Start - 1, m.Name.End + 1})
		}
		if slot, known := s.members[string(name)]; known {
			into.values[slot], into.lengths[slot] = span{m.Value.Start, m.Value.End}, m.Elements
		}
	}
}

// search does what locate does in a record with more members than an outline keeps.
func (s *Schema) search(into *Record) {
	for name, value := range into.doc.members(into.doc.whole()) {
		slot, known := s.members[string(into.doc.decode(name))]
		if !known {
			continue
		}
		into.values[slot], into.lengths[slot] = value, 0
		for range into.doc.elements(value) {
			into.lengths[slot]++
		}
	}
}

// unreadable returns the reason why a text is not a record's, if so, and otherwise its outline.
func (s *Schema) unreadable(raw []byte, o *outline.Outline) string {
	err := o.Read(raw)
	switch {
	case document(raw).kind(document(raw).whole()) != '{':
		return ReasonNotAnObject
	case errors.Is(err, outline.ErrTooDeep) || o.Depth > s.maxDepth:
		return ReasonTooDeep
	case err != nil || len(bytes.Trim(raw[o.End:], " \n\r\t")) > 0:
		return ReasonInvalidJSON
	}
	return ""
}

// forget makes the record one that was never read, but for the room that it has.
func (r *Record) forget() {
	r.ID, r.TenantID, r.Updated, r.Created, r.doc = "", "", 0, 0, nil
}

// Sum is a hash of the record's text.
func (r *Record) Sum() uint64 { return xxhash.Sum64(r.doc) }

// at returns the place of a member, the empty span where it is not there.
func (r *Record) at(slot int) span {
	if slot == absent {
		return span{}
	}
	return r.values[slot]
}

// text returns the decoded string in slot, nil where it says nothing.
func (r *Record) text(slot int) []byte { return r.doc.text(r.at(slot)) }

// id returns the string or the number in slot.
func (r *Record) id(slot int) []byte { return r.doc.id(r.at(slot)) }

func (r *Record) instant(slot int) (odata.Instant, bool) {
	instant, err := odata.ParseInstant(r.text(slot))
	return instant, err == nil
}
