package world

import (
	"strconv"
	"strings"
	"time"
)

// graphAlert writes microsoft.graph.security.alert of the v1.0 metadata.
func (w *writer) graphAlert(f *facts, form Form) {
	classification, determination := f.graphVerdict()
	incident := strconv.FormatInt(f.incident, 10)
	w.element(func() {
		w.text("id", f.id)
		w.text("providerAlertId", f.id)
		w.text("incidentId", incident)
		w.text("status", lowerFirst(f.status))
		w.text("severity", lowerFirst(f.severity))
		w.text("classification", classification)
		w.text("determination", determination)
		w.enum("serviceSource", f.kind.service, form)
		w.enum("detectionSource", f.kind.source, form)
		w.text("productName", f.kind.product)
		w.text("detectorId", f.detector())
		w.text("alertPolicyId", "")
		w.text("tenantId", f.tenant.id)
		w.text("title", f.title)
		w.text("description", f.kind.description)
		w.text("recommendedActions", "Validate the alert and scope the suspected breach.\nContain and mitigate the breach.")
		w.text("category", f.kind.category)
		w.text("assignedTo", f.assignee())
		w.text("alertWebUrl", "https://security.microsoft.com/alerts/"+f.id+"?tid="+f.tenant.id)
		w.text("incidentWebUrl", "https://security.microsoft.com/incidents/"+incident+"?tid="+f.tenant.id)
		w.text("actorDisplayName", f.kind.actor)
		w.text("threatDisplayName", f.kind.threat)
		w.text("threatFamilyName", f.kind.family)
		w.texts("mitreTechniques", f.kind.techniques...)
		w.when("createdDateTime", f.created)
		w.when("lastUpdateDateTime", f.updated)
		w.when("resolvedDateTime", f.resolvedAt())
		w.when("firstActivityDateTime", f.firstActivity())
		w.when("lastActivityDateTime", f.lastActivity())
		w.text("investigationState", lowerFirst(f.investigationState()))
		w.texts("systemTags")
		w.array("comments", func() { w.graphComments(f) })
		w.array("evidence", func() { w.graphEvidence(f, form) })
		w.object("additionalData", func() { w.text("OriginalAlertProductName", f.kind.product) })
		w.object("customDetails", func() {})
	})
}

// enum writes a member that may lie after unknownFutureValue.
func (w *writer) enum(name, member string, form Form) {
	if afterUnknown(member) && !form.UnknownMembers {
		member = "unknownFutureValue"
	}
	w.text(name, member)
}

func (w *writer) graphComments(f *facts) {
	for i := range f.comments() {
		w.element(func() {
			w.text("@odata.type", "#microsoft.graph.security.alertComment")
			w.text("comment", commentText(i))
			w.text("createdByDisplayName", f.assignee())
			w.when("createdDateTime", f.updated.Add(-time.Duration(i)*time.Minute))
		})
	}
}

// graphVerdict is verdict in Graph's spelling.
func (f *facts) graphVerdict() (classification, determination string) {
	classification, determination = f.verdict()
	return lowerFirst(classification), lowerFirst(determination)
}

func lowerFirst(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToLower(s[:1]) + s[1:]
}

// graphProperty is the value of a filterable property, beyond those that every version stores.
func (f *facts) graphProperty(name string) any {
	classification, determination := f.graphVerdict()
	switch name {
	case "assignedTo":
		return f.assignee()
	case "classification":
		return classification
	case "determination":
		return determination
	case "severity":
		return lowerFirst(f.severity)
	case "serviceSource":
		return f.kind.service
	case "status":
		return lowerFirst(f.status)
	}
	return nil
}
