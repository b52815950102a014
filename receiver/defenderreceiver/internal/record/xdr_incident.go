package record

// XDRIncident reads the incidents of Microsoft 365 Defender, GET /api/incidents, which hold their alerts.
// https://learn.microsoft.com/defender-xdr/api-list-incidents
func XDRIncident() *Schema {
	return newSchema(table{
		event:    eventIncident,
		id:       "incidentId",
		updated:  "lastUpdateTime",
		created:  "createdTime",
		severity: "severity",
		fields: []field{
			{attribute: attrIncidentID, kind: kindID, member: "incidentId"},
			{attribute: attrRedirectID, kind: kindID, member: "redirectIncidentId"},
			{attribute: attrTitle, member: "incidentName"},
			{attribute: attrStatus, member: "status"},
			{attribute: attrClassification, member: "classification"},
			{attribute: attrDetermination, member: "determination"},
			{attribute: attrAssignedTo, member: "assignedTo"},
			{attribute: attrURL, member: "incidentUri"},
			{attribute: attrCreated, member: "createdTime"},
			{attribute: attrUpdated, member: "lastUpdateTime"},
			{attribute: attrAlertsCount, kind: kindCount, member: "alerts"},
		},
		alerts: "alerts",
		groups: xdrEvidence(),
		parts:  alertsWithin("alerts", xdrAlert()),
	})
}

// xdrAlert reads the alerts within an incident, whose members have other names than anywhere else.
func xdrAlert() *Schema {
	return newSchema(table{
		event:        eventAlert,
		id:           "alertId",
		updated:      "lastUpdatedTime",
		created:      "creationTime",
		lastActivity: "lastActivity",
		severity:     "severity",
		fields: []field{
			{attribute: attrAlertID, kind: kindID, member: "alertId"},
			{attribute: attrTitle, member: "title"},
			{attribute: attrCategory, member: "category"},
			{attribute: attrStatus, member: "status"},
			{attribute: attrClassification, member: "classification"},
			{attribute: attrDetermination, member: "determination"},
			{attribute: attrAssignedTo, member: "assignedTo"},
			{attribute: attrServiceSource, member: "serviceSource"},
			{attribute: attrDetectionSource, member: "detectionSource"},
			{attribute: attrDetectorID, kind: kindID, member: "detectorId"},
			{attribute: attrCreated, member: "creationTime"},
			{attribute: attrUpdated, member: "lastUpdatedTime"},
			{attribute: attrFirstActivity, member: "firstActivity"},
			{attribute: attrLastActivity, member: "lastActivity"},
			{attribute: attrResolved, member: "resolvedTime"},
			{attribute: attrTechniques, kind: kindTexts, member: "mitreTechniques"},
			{attribute: attrThreatFamily, member: "threatFamilyName"},
			{attribute: attrActor, member: "actorName"},
			{attribute: attrEvidenceCount, kind: kindCount, member: "entities"},
		},
		groups: xdrEvidence(),
	})
}

// xdrEvidence says where an alert of Microsoft 365 Defender names the host and the user.
func xdrEvidence() []group {
	return []group{{
		list: "devices",
		values: []choice{
			{attrHostName, []path{{"deviceDnsName"}}},
			{attrHostID, []path{{"mdatpDeviceId"}}},
		},
	}, {
		list: "entities", typeMember: "entityType", typeName: "User",
		values: []choice{{attrUserName, []path{{"accountName"}, {"userPrincipalName"}}}},
	}}
}
