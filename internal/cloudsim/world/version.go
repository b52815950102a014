package world

import (
	"strings"
	"sync/atomic"
	"time"
)

// Source is one of the APIs' lists, under the receiver's name for it.
type Source string

// The sources. One alert shows in all of them unless it says otherwise: by itself, in its incident, and as detections.
const (
	EndpointAlerts Source = "endpoint_alerts"
	GraphAlerts    Source = "graph_alerts"
	GraphIncidents Source = "graph_incidents"
	XDRIncidents   Source = "xdr_incidents"
	SIEMAlerts     Source = "siem_alerts"
)

// Sources lists them all.
func Sources() []Source {
	return []Source{EndpointAlerts, GraphAlerts, GraphIncidents, XDRIncidents, SIEMAlerts}
}

// derived tells whether the source shows what follows from alerts, not the alerts.
func (s Source) derived() bool { return s != EndpointAlerts && s != GraphAlerts }

// Tick is the resolution of every time in these APIs.
const Tick = 100 * time.Nanosecond

// timeLayout writes up to seven digits and trims trailing zeros, as the APIs do.
const timeLayout = "2006-01-02T15:04:05.9999999Z"

// TimeText is t as the APIs write it.
func TimeText(t time.Time) string { return t.UTC().Format(timeLayout) }

// Version is one state of one alert, incident or detection in one source. It never changes.
type Version struct {
	Tenant string
	Source Source
	ID     string
	// Created and Updated are exact to a tick.
	Created, Updated time.Time
	// VisibleFrom is since when the API shows it: later than Updated for a late record.
	VisibleFrom time.Time

	facts    *facts
	incident *incident // of an incident, in place of facts
	part     int       // of an alert's detections
	members  map[string]any
	raw      string
	served   *atomic.Int64
}

// UpdatedText is the update time as the API writes it.
func (v *Version) UpdatedText() string { return TimeText(v.Updated) }

// Served counts the complete answers that held it.
func (v *Version) Served() int { return int(v.served.Load()) }

// MarkServed records that a complete answer held it.
func (v *Version) MarkServed() { v.served.Add(1) }

// JSON is the record's text with all that can be expanded and every enumeration member.
func (v *Version) JSON() []byte { return v.AppendJSON(nil, Form{Expanded: true, UnknownMembers: true}) }

// Alerts returns the alerts of an incident, as Graph lists them.
func (v *Version) Alerts() []*Version {
	if v.incident == nil {
		return nil
	}
	var alerts []*Version
	for _, f := range v.incident.alerts {
		alerts = append(alerts, &Version{
			Tenant: v.Tenant, Source: GraphAlerts, ID: f.id, Created: f.created, Updated: f.updated, VisibleFrom: v.VisibleFrom,
			facts: v.incident.own(f), served: new(atomic.Int64),
		})
	}
	return alerts
}

// Form is how a request wants records written.
type Form struct {
	// Expanded is set by $expand, of the evidence of an alert or the alerts of an incident. Graph's alerts always have
	// their evidence.
	Expanded bool
	// UnknownMembers is set by Prefer: include-unknown-enum-members.
	UnknownMembers bool
}

// AppendJSON appends the record's text to b.
func (v *Version) AppendJSON(b []byte, form Form) []byte {
	if v.raw != "" {
		return append(b, v.raw...)
	}
	start := len(b)
	w := writer{b: b}
	switch v.Source {
	case GraphAlerts:
		w.graphAlert(v.facts, form)
	case GraphIncidents:
		w.graphIncident(v.incident, form)
	case XDRIncidents:
		w.xdrIncident(v.incident)
	case SIEMAlerts:
		w.detection(v.facts, v.part)
	default:
		w.endpointAlert(v.facts, form)
	}
	if v.members == nil {
		return w.b
	}
	return append(w.b[:start], override(w.b[start:], v.members)...)
}

// Property is the value of a property that can be filtered on, null if empty: a string, a time.Time or an int64.
func (v *Version) Property(name string) any {
	if value, ok := v.members[name]; ok {
		return typed(value)
	}
	switch name {
	case "lastUpdateTime", "lastUpdateDateTime", "LastProcessedTimeUtc":
		return v.Updated
	case "alertCreationTime", "createdDateTime", "createdTime":
		return v.Created
	case "id":
		return v.ID
	}
	switch {
	case v.incident != nil:
		return v.incident.property(name)
	case v.facts == nil:
		return nil
	case v.Source == GraphAlerts:
		return v.facts.graphProperty(name)
	case v.Source == SIEMAlerts:
		return v.facts.siemProperty(name)
	default:
		return v.facts.endpointProperty(name)
	}
}

// typed reads a member given by a test as what a filter compares.
func typed(value any) any {
	switch value := value.(type) {
	case string:
		if t, err := time.Parse(time.RFC3339Nano, value); err == nil && strings.HasSuffix(value, "Z") {
			return t
		}
		return value
	case int:
		return int64(value)
	default:
		return nil
	}
}
