package record

// GraphIncident reads the incidents of Microsoft Graph, GET /v1.0/security/incidents. They hold their alerts only where
// the request expands them.
// https://learn.microsoft.com/graph/api/resources/security-incident
func GraphIncident() *Schema {
	return newSchema(table{
		event:    eventIncident,
		id:       "id",
		tenant:   "tenantId",
		updated:  "lastUpdateDateTime",
		created:  "createdDateTime",
		severity: "severity",
		fields: []field{
			{attribute: attrIncidentID, kind: kindID, member: "id"},
			{attribute: attrRedirectID, kind: kindID, member: "redirectIncidentId"},
			{attribute: attrTitle, member: "displayName"},
			{attribute: attrStatus, member: "status"},
			{attribute: attrClassification, member: "classification"},
			{attribute: attrDetermination, member: "determination"},
			{attribute: attrAssignedTo, member: "assignedTo"},
			{attribute: attrURL, member: "incidentWebUrl"},
			{attribute: attrCreated, member: "createdDateTime"},
			{attribute: attrUpdated, member: "lastUpdateDateTime"},
			{attribute: attrAlertsCount, kind: kindCount, member: "alerts"},
		},
		alerts: "alerts",
		groups: graphEvidence(),
		parts:  alertsWithin("alerts", GraphAlert()),
	})
}
