package world

import (
	"strconv"
	"time"
)

// graphIncident writes microsoft.graph.security.incident of the v1.0 metadata, with its alerts where they are expanded.
func (w *writer) graphIncident(i *incident, form Form) {
	number := strconv.FormatInt(i.number, 10)
	classification, determination := i.verdict()
	w.element(func() {
		w.text("id", number)
		w.text("tenantId", i.tenant.id)
		w.enum("status", i.graphStatus(), form)
		w.text("incidentWebUrl", "https://security.microsoft.com/incidents/"+number+"?tid="+i.tenant.id)
		w.text("redirectIncidentId", i.redirectText())
		w.text("displayName", i.name())
		w.when("createdDateTime", i.created)
		w.when("lastUpdateDateTime", i.updated)
		w.text("assignedTo", i.assignee())
		w.text("classification", lowerFirst(classification))
		w.text("determination", lowerFirst(determination))
		w.text("severity", lowerFirst(i.severity()))
		w.texts("customTags", "Demo")
		w.texts("systemTags")
		w.text("description", "")
		w.text("lastModifiedBy", i.assignee())
		w.text("resolvingComment", "")
		w.text("summary", "")
		w.array("comments", func() { w.incidentComments(i, "createdByDisplayName", "createdDateTime") })
		if form.Expanded {
			w.array("alerts", func() {
				for _, f := range i.alerts {
					w.graphAlert(i.own(f), form)
				}
			})
		}
	})
}

// incidentComments writes one comment as soon as somebody works on the incident.
func (w *writer) incidentComments(i *incident, author, when string) {
	if i.assignee() == "" {
		return
	}
	w.element(func() {
		w.text("comment", commentText(int(i.number%3)))
		w.text(author, i.assignee())
		w.when(when, i.updated.Add(-time.Minute))
	})
}
