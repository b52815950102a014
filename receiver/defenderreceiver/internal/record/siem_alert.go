package record

// SIEMAlert reads the detections of the legacy SIEM REST API, one row each; an alert has several.
// https://learn.microsoft.com/defender-endpoint/configure-siem
func SIEMAlert() *Schema {
	return newSchema(table{
		event:    eventDetection,
		id:       "FullId",
		updated:  "LastProcessedTimeUtc",
		created:  "AlertTime",
		severity: "Severity",
		fields: []field{
			{attribute: attrAlertID, kind: kindID, member: "AlertId"},
			{attribute: attrTitle, member: "AlertTitle"},
			{attribute: attrCategory, member: "Category"},
			{attribute: attrDetectionSource, member: "Source"},
			{attribute: attrDetectorID, kind: kindID, member: "IoaDefinitionId"},
			{attribute: attrURL, member: "LinkToWDATP"},
			{attribute: attrCreated, member: "AlertTime"},
			{attribute: attrUpdated, member: "LastProcessedTimeUtc"},
			{attribute: attrThreatFamily, member: "ThreatFamily"},
			{attribute: attrThreatName, member: "ThreatName"},
			{attribute: attrActor, member: "Actor"},
			{attribute: attrHostName, member: "ComputerDnsName"},
			{attribute: attrHostID, kind: kindID, member: "DeviceID"},
			{attribute: attrUserName, member: "UserName"},
		},
	})
}
