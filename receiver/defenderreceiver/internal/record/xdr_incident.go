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
		groups: []group{{
			list: "devices",
			values: []choice{
				{attrHostName, []path{{"deviceDnsName"}}},
				{attrHostID, []path{{"mdatpDeviceId"}}},
			},
		}, {
			list: "entities", typeMember: "entityType", typeName: "User",
			values: []choice{{attrUserName, []path{{"accountName"}, {"userPrincipalName"}}}},
		}},
	})
}
