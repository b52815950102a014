package world

import (
	"cmp"
	"slices"
	"strconv"
	"sync/atomic"
	"time"
)

// maxIncident bounds the numbers of incidents.
const maxIncident = 1_000_000

// event is something that changes incidents and detections: a version of an alert, or two incidents that become one.
type event struct {
	at    time.Time
	alert *facts
	into  map[Source]bool // the sources in which it shows
	from  int64           // redirected
	to    int64           // to this one
}

// incident is what is true of an incident, whichever API tells it. One that a Version holds does not change.
type incident struct {
	tenant           *tenant
	number           int64
	created, updated time.Time
	redirect         int64 // the incident it was merged into, 0 for none
	alerts           []*facts
}

// incidentOf is the incident of an alert that names none: that of the version before, or one that follows from the id.
func (t *tenant) incidentOf(f *facts) int64 {
	for _, source := range []Source{EndpointAlerts, GraphAlerts} {
		if v := t.lists[source].current[f.id]; v != nil && v.facts != nil {
			return v.facts.incident
		}
	}
	return f.number("incident")
}

func (t *tenant) merge(from, into int64, now time.Time) {
	t.queue(now, nil, &event{at: now, from: from, to: into, into: map[Source]bool{GraphIncidents: true, XDRIncidents: true}})
}

// list returns what a source shows now.
func (t *tenant) list(source Source, now time.Time) *list {
	t.advance(now)
	if source.derived() {
		t.derive()
	}
	return t.lists[source]
}

// change is an incident or the detections of an alert, with the last event that changed it and the sources it shows in.
type change struct {
	last event
	into map[Source]bool
}

// derive brings incidents and detections up to date. It is done when somebody asks for them, so that worlds without
// such sources pay nothing.
func (t *tenant) derive() {
	incidents, alerts := newChanges[*incident](), newChanges[string]()
	for _, e := range t.events {
		if e.alert == nil {
			from, into := t.incident(e.from, e.at), t.incident(e.to, e.at)
			if from == into {
				continue
			}
			from.mergeInto(into, e.at.Truncate(Tick).UTC())
			incidents.note(from, e)
			incidents.note(into, e)
			continue
		}
		i := t.incident(e.alert.incident, e.alert.created)
		i.add(e.alert)
		incidents.note(i, e)
		alerts.note(e.alert.id, e)
	}
	t.events = nil
	for _, i := range incidents.order {
		t.showIncident(i, incidents.of[i])
	}
	for _, id := range alerts.order {
		t.showDetections(alerts.of[id])
	}
}

// changes are in the order in which they began.
type changes[K comparable] struct {
	order []K
	of    map[K]*change
}

func newChanges[K comparable]() *changes[K] { return &changes[K]{of: map[K]*change{}} }

func (c *changes[K]) note(key K, e event) {
	known := c.of[key]
	if known == nil {
		known = &change{into: map[Source]bool{}}
		c.of[key] = known
		c.order = append(c.order, key)
	}
	known.last = e
	for source := range e.into {
		known.into[source] = true
	}
}

// incident returns the incident of that number or, where it was merged, the one that has its alerts now.
func (t *tenant) incident(number int64, created time.Time) *incident {
	i := t.incidents[number]
	switch {
	case i == nil:
		i = &incident{tenant: t, number: number, created: created.Truncate(Tick).UTC()}
		t.incidents[number] = i
	case i.redirect != 0:
		return t.incident(i.redirect, created)
	}
	return i
}

// add puts a version of an alert into the incident. Two versions of an incident never share an update time.
func (i *incident) add(f *facts) {
	i.touch(f.updated)
	if at := slices.IndexFunc(i.alerts, func(other *facts) bool { return other.id == f.id }); at >= 0 {
		i.alerts[at] = f
		return
	}
	i.alerts = append(i.alerts, f)
}

func (i *incident) touch(at time.Time) {
	if !at.After(i.updated) {
		at = i.updated.Add(Tick)
	}
	i.updated = at
}

func (i *incident) mergeInto(into *incident, at time.Time) {
	i.touch(at)
	into.touch(at)
	into.alerts = append(into.alerts, i.alerts...)
	i.redirect, i.alerts = into.number, nil
}

func (t *tenant) showIncident(i *incident, c *change) {
	for _, source := range []Source{GraphIncidents, XDRIncidents} {
		if !c.into[source] {
			continue
		}
		now := *i
		now.alerts = slices.Clone(i.alerts)
		t.lists[source].show(&Version{
			Tenant: t.id, Source: source, ID: strconv.FormatInt(i.number, 10), Created: i.created, Updated: i.updated,
			VisibleFrom: c.last.at, incident: &now, members: t.amended[i.number], served: new(atomic.Int64),
		})
	}
}

// own is an alert as it shows in this incident, which may not be the one it was made in.
func (i *incident) own(f *facts) *facts {
	moved := *f
	moved.incident = i.number
	return &moved
}

func (i *incident) name() string {
	switch {
	case len(i.alerts) == 0:
		return "Incident " + strconv.FormatInt(i.number, 10)
	case len(i.alerts) == 1:
		return i.alerts[0].title + " on one endpoint"
	default:
		return "Multi-stage incident involving " + i.alerts[0].kind.category + " on multiple endpoints"
	}
}

func (i *incident) redirectText() string {
	if i.redirect == 0 {
		return ""
	}
	return strconv.FormatInt(i.redirect, 10)
}

// severity is that of the worst alert.
func (i *incident) severity() string {
	for _, severity := range []string{"High", "Medium", "Low"} {
		if slices.ContainsFunc(i.alerts, func(f *facts) bool { return f.severity == severity }) {
			return severity
		}
	}
	return "Informational"
}

func (i *incident) status() string {
	open := slices.ContainsFunc(i.alerts, func(f *facts) bool { return !f.resolved() })
	started := slices.ContainsFunc(i.alerts, func(f *facts) bool { return f.status != "New" })
	switch {
	case i.redirect != 0:
		return "Redirected"
	case !open && len(i.alerts) > 0:
		return "Resolved"
	case started:
		return "InProgress"
	default:
		return "Active"
	}
}

// awaits tells whether the incident waits for somebody, a status that Graph shows only to those who ask for members that
// came later.
func (i *incident) awaits() bool { return i.status() == "InProgress" && i.number%3 == 0 }

func (i *incident) graphStatus() string {
	if i.awaits() {
		return "awaitingAction"
	}
	return lowerFirst(i.status())
}

func (i *incident) assignee() string {
	for _, f := range i.alerts {
		if assignee := f.assignee(); assignee != "" {
			return assignee
		}
	}
	return ""
}

// verdict is that of the first alert, once all of them have one.
func (i *incident) verdict() (classification, determination string) {
	if i.status() != "Resolved" {
		return "", ""
	}
	return i.alerts[0].verdict()
}

// property is the value of a filterable property, beyond those that every version stores. The APIs differ in the case of
// enumerations, which filters do not look at.
func (i *incident) property(name string) any {
	classification, determination := i.verdict()
	switch name {
	case "assignedTo":
		return i.assignee()
	case "classification":
		return classification
	case "determination":
		return determination
	case "severity":
		return i.severity()
	case "status":
		return cmp.Or(map[bool]string{true: "awaitingAction"}[i.awaits()], i.status())
	}
	return nil
}
