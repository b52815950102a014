package api

import (
	"fmt"
	"strings"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// BadRecord is a kind of record that nobody can use.
type BadRecord string

// The kinds.
const (
	NotAnObject      BadRecord = "not an object"
	NoID             BadRecord = "no id"
	NoUpdateTime     BadRecord = "no update time"
	UnreadableUpdate BadRecord = "unreadable update time"
	DeeplyNested     BadRecord = "deeply nested"
	OtherTenant      BadRecord = "other tenant"
)

// BadRecords lists every kind.
func BadRecords() []BadRecord {
	return []BadRecord{NotAnObject, NoID, NoUpdateTime, UnreadableUpdate, DeeplyNested, OtherTenant}
}

// nesting is the depth of a deeply nested record.
const nesting = 100_000

// ForeignTenant is the tenant that a record of another tenant names.
const ForeignTenant = "ffffffff-0000-4000-8000-000000000000"

// WithBadRecords puts one record of each kind among those of the page. Their update time, where they have one, is now.
func WithBadRecords(kinds ...BadRecord) Fault {
	return Fault{Name: "bad records", page: func(s *Server, e *exchange, p *page) {
		now := world.TimeText(s.world.Now().Truncate(world.Tick))
		for _, kind := range kinds {
			if kind == OtherTenant && e.surface.tenant == "" {
				continue // records of this API name no tenant
			}
			p.inserted = append(p.inserted, e.surface.bad(kind, e.tenant, now))
		}
	}}
}

// bad writes a record of the kind.
func (s *surface) bad(kind BadRecord, tenant, now string) string {
	id, updated, extra := fmt.Sprintf(`%q:"bad-%s",`, s.id, strings.ReplaceAll(string(kind), " ", "-")), now, ""
	switch kind {
	case NotAnObject:
		return `"neither an object nor null"`
	case NoID:
		id = ""
	case NoUpdateTime:
		return fmt.Sprintf(`{%s%q:%q,"title":%q}`, id, s.tenant, tenant, kind)
	case UnreadableUpdate:
		updated = "yesterday"
	case DeeplyNested:
		extra = `,"nested":` + strings.Repeat("[", nesting) + strings.Repeat("]", nesting)
	case OtherTenant:
		tenant = ForeignTenant
	}
	return fmt.Sprintf(`{%s%q:%q,%q:%q,"title":%q%s}`, id, s.updated, updated, s.tenant, tenant, kind, extra)
}
