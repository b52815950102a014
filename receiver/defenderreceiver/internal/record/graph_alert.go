package record

// GraphAlert reads the alerts of Microsoft Graph, GET /v1.0/security/alerts_v2.
// https://learn.microsoft.com/graph/api/resources/security-alert
func GraphAlert() *Schema {
	return newSchema(table{
		event:        eventAlert,
		id:           "id",
		tenant:       "tenantId",
		updated:      "lastUpdateDateTime",
		created:      "createdDateTime",
		lastActivity: "lastActivityDateTime",
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
			{attribute: attrServiceSource, member: "serviceSource"},
			{attribute: attrDetectionSource, member: "detectionSource"},
			{attribute: attrDetectorID, kind: kindID, member: "detectorId"},
			{attribute: attrURL, member: "alertWebUrl"},
			{attribute: attrCreated, member: "createdDateTime"},
			{attribute: attrUpdated, member: "lastUpdateDateTime"},
			{attribute: attrFirstActivity, member: "firstActivityDateTime"},
			{attribute: attrLastActivity, member: "lastActivityDateTime"},
			{attribute: attrResolved, member: "resolvedDateTime"},
			{attribute: attrTechniques, kind: kindTexts, member: "mitreTechniques"},
			{attribute: attrThreatFamily, member: "threatFamilyName"},
			{attribute: attrThreatName, member: "threatDisplayName"},
			{attribute: attrActor, member: "actorDisplayName"},
			{attribute: attrEvidenceCount, kind: kindCount, member: "evidence"},
		},
		groups: graphEvidence(),
		parts:  evidenceWithin("evidence"),
	})
}

// graphEvidence says where the evidence of Graph names the host and the user.
func graphEvidence() []group {
	const typeMember, namespace = "@odata.type", "#microsoft.graph.security."
	return []group{{
		list: "evidence", typeMember: typeMember, typeName: namespace + "deviceEvidence",
		values: []choice{
			{attrHostName, []path{{"deviceDnsName"}}},
			{attrHostID, []path{{"mdeDeviceId"}}},
		},
	}, {
		list: "evidence", typeMember: typeMember, typeName: namespace + "userEvidence",
		values: []choice{
			{attrUserName, []path{{"userAccount", "accountName"}, {"userAccount", "userPrincipalName"}, {"userAccount", "displayName"}}},
		},
	}}
}
