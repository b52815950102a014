package record

// Schema says how to read one source's records. It is data: a source is a table in a file of its own. Make it once and
// share it; it does not change.
type Schema struct {
	event   string
	members map[string]int // the members that are looked at, by name, to their place in Record.values

	maxDepth int // of brackets that may be open at once

	id, tenant, updated, created, lastActivity, severity int

	fields []field
	alerts int
	groups []group
	parts  *parts
}

// table is a Schema as it is written down. A member that a source does not have is empty.
type table struct {
	event        string
	id           string
	tenant       string
	updated      string
	created      string
	lastActivity string
	severity     string
	fields       []field
	// alerts is the member with the alerts of an incident. The groups are then looked for in each of them, until one
	// has any of a group's values.
	alerts string
	groups []group
	// parts are what a record can be split into, if anything.
	parts *parts
}

// field is an attribute that is one member of the record.
type field struct {
	attribute string
	kind      kind
	member    string
	inner     string // a member within the member, if not empty
	slot      int
}

// kind says what a member must be to become an attribute. A member of another type is passed over.
type kind int

const (
	kindText  kind = iota // a string
	kindID                // a string, or a number as it is written
	kindTexts             // an array of strings, or one string
	kindCount             // an array, of which the length is taken
)

// group is some attributes that come from one element, the first of its type, of an array such as the evidence.
type group struct {
	list       string // the member with the array
	typeMember string // the member that says what an element is; any element will do if empty
	typeName   string
	values     []choice
	slot       int
}

// choice is an attribute with the members it may come from; the first that has a text wins.
type choice struct {
	attribute string
	paths     []path
}

// path is a member of an element, or a member within it.
type path [2]string

// absent is the slot of a member that a source does not have.
const absent = -1

func newSchema(t table) *Schema {
	s := &Schema{event: t.event, members: map[string]int{}, maxDepth: DefaultMaxDepth}
	s.id, s.tenant, s.severity = s.slot(t.id), s.slot(t.tenant), s.slot(t.severity)
	s.updated, s.created, s.lastActivity = s.slot(t.updated), s.slot(t.created), s.slot(t.lastActivity)
	s.alerts = s.slot(t.alerts)
	for _, f := range t.fields {
		f.slot = s.slot(f.member)
		s.fields = append(s.fields, f)
	}
	for _, g := range t.groups {
		g.slot = s.slot(g.list)
		s.groups = append(s.groups, g)
	}
	if s.parts = t.parts; s.parts != nil {
		s.parts.slot = s.slot(t.parts.member)
	}
	return s
}

// WithMaxDepth returns a schema that refuses records in which more brackets are open at once.
func (s *Schema) WithMaxDepth(most int) *Schema {
	limited := *s
	limited.maxDepth = most
	return &limited
}

func (s *Schema) slot(member string) int {
	if member == "" {
		return absent
	}
	slot, known := s.members[member]
	if !known {
		slot = len(s.members)
		s.members[member] = slot
	}
	return slot
}
