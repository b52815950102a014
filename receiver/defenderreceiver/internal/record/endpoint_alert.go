package record

// EndpointAlert reads the alerts of Defender for Endpoint, GET /api/alerts.
// https://learn.microsoft.com/defender-endpoint/api/alerts
func EndpointAlert() *Schema {
	return newSchema(table{
		event:        eventAlert,
		id:           "id",
		tenant:       "aadTenantId",
		updated:      "lastUpdateTime",
		created:      "alertCreationTime",
		lastActivity: "lastEventTime",
		severity:     "severity",
		fields: []field{
			{attribute: attrAlertID, kind: kindID, member: "id"},
			{attribute: attrIncidentID, kind: kindID, member: "incidentId"},
			{attribute: attrTitle, member: "title"},
			{attribute: attrCategory, member: "category"},
			{attribute: attrStatus, member: "status"},
			{attribute: attrClassification, member: "classification"},
			{attribute: attrDetermination, member: "determination"},
			{attribute: attrAssignedTo, member: "assignedTo"},
			{attribute: attrDetectionSource, member: "detectionSource"},
			{attribute: attrDetectorID, kind: kindID, member: "detectorId"},
			{attribute: attrCreated, member: "alertCreationTime"},
			{attribute: attrUpdated, member: "lastUpdateTime"},
			{attribute: attrFirstActivity, member: "firstEventTime"},
			{attribute: attrLastActivity, member: "lastEventTime"},
			{attribute: attrResolved, member: "resolvedTime"},
			{attribute: attrTechniques, kind: kindTexts, member: "mitreTechniques"},
			{attribute: attrThreatFamily, member: "threatFamilyName"},
			{attribute: attrThreatName, member: "threatName"},
			{attribute: attrEvidenceCount, kind: kindCount, member: "evidence"},
			{attribute: attrHostName, member: "computerDnsName"},
			{attribute: attrHostID, kind: kindID, member: "machineId"},
			{attribute: attrUserName, member: "relatedUser", inner: "userName"},
		},
		parts: evidenceWithin("evidence"),
	})
}
