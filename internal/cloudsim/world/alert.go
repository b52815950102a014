package world

import "time"

// Alert is one state of an alert that a test or a generator puts into a tenant. Whatever is left empty follows from the
// world's seed and the id.
type Alert struct {
	// ID is unique within the tenant; empty for a generated one.
	ID string
	// Sources says where it shows; in all of them if empty. Text of its own shows where alerts are listed by themselves.
	Sources []Source
	// Created defaults to Updated, and Updated to now. Both are cut to a tick.
	Created, Updated time.Time
	// VisibleFrom defaults to Updated. What lies in the past means now: nobody saw it before it was put there.
	VisibleFrom time.Time
	// Revision is how far the alert has come: each one adds evidence or a comment and moves the status.
	Revision int

	// Incident is the number of the incident it belongs to; 0 for that of the version before, or one that follows from
	// the id.
	Incident int64

	Title, Severity, Status string

	// Members replaces or adds members of the JSON object; a nil value is written as null.
	Members map[string]any
	// Raw is the record's text instead of everything else, which then serves only to find it; it need not be JSON.
	Raw string
}

// sources returns where the alert shows.
func (a *Alert) sources() []Source {
	if len(a.Sources) == 0 {
		return Sources()
	}
	return a.Sources
}
