package e2e_test

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// everyKind fills the tenant with what Microsoft's documents say that there can be.
func (s *stage) everyKind() {
	begun := time.Now().Add(-10 * time.Hour)
	minute := func(i int) time.Time { return begun.Add(time.Duration(i) * time.Minute) }
	put := func(alerts ...world.Alert) { s.cloud.World.Put(s.tenants[0].id, alerts...) }
	s.generate(20, 20*time.Hour)
	for revision := range 6 {
		for i := range 4 {
			put(world.Alert{ID: fmt.Sprintf("da%d_%d", revision, i), Updated: minute(10*revision + i), Revision: revision, Incident: int64(100 + i)})
		}
	}
	for i, severity := range []string{"UnSpecified", "Informational", "Low", "Medium", "High", "Critical"} {
		put(world.Alert{Updated: minute(100 + i), Severity: severity, Incident: int64(200 + i)})
	}
	for i, status := range []string{"Unknown", "New", "InProgress", "Resolved", "unknownFutureValue", "Escalated"} {
		put(world.Alert{Updated: minute(200 + i), Status: status, Revision: i % 3, Incident: int64(300 + i)})
	}
	for i := range 15 { // more than the mapping maps one by one
		put(world.Alert{Updated: minute(300 + i), Incident: 400})
	}
	put(world.Alert{Updated: minute(320), Incident: 500}, world.Alert{Updated: minute(321), Incident: 501})
	s.cloud.World.Merge(s.tenants[0].id, 501, 500)
	for i, members := range s.documentedMembers() {
		sources := []world.Source{world.EndpointAlerts, world.GraphAlerts, world.SIEMAlerts}
		for _, source := range sources {
			put(world.Alert{Updated: minute(400 + i), Sources: []world.Source{source}, Members: members})
		}
	}
	for i, members := range incidentMembers() {
		s.cloud.World.AmendIncident(s.tenants[0].id, int64(600+i), members)
		put(world.Alert{Updated: minute(560 + i), Incident: int64(600 + i)})
	}
	for i, evidence := range graphEvidence() {
		put(world.Alert{Updated: minute(500 + i), Sources: []world.Source{world.GraphAlerts}, Members: map[string]any{"evidence": evidence}})
	}
	for i, evidence := range endpointEvidence() {
		put(world.Alert{Updated: minute(550 + i), Sources: []world.Source{world.EndpointAlerts}, Members: map[string]any{"evidence": evidence}})
	}
}

type object = map[string]any

type list = []any

func many(n int, value any) list { return slices.Repeat(list{value}, n) }

// documentedMembers are values of members that every source may have; a source takes those that it knows for its own,
// and the others for unknown ones.
func (s *stage) documentedMembers() []object {
	empty := object{}
	for _, name := range []string{
		"assignedTo", "classification", "determination", "detectionSource", "detectorId", "category", "threatFamilyName", "title", "description",
		"alertCreationTime", "createdDateTime", "firstEventTime", "lastEventTime", "firstActivityDateTime", "lastActivityDateTime", "resolvedTime",
		"machineId", "computerDnsName", "threatName", "threatDisplayName", "mitreTechniques", "relatedUser", "comments", "evidence", "incidentId",
		"productName", "recommendedActions", "providerAlertId", "alertWebUrl", "serviceSource", "actorDisplayName",
		"AlertTitle", "Category", "Severity", "IoaDefinitionId", "LinkToWDATP", "Description", "FileName", "UserName", "IpAddress", "ThreatName",
		"FilePath", "Sha1", "Sha256", "Md5", "Url", "UserDomain", "MachineDomain", "Source", "Actor", "AlertTime", "ComputerDnsName", "DeviceID",
	} {
		empty[name] = nil
	}
	columns := object{}
	for name := range empty {
		if name[0] < 'a' {
			columns[name] = ""
		}
	}
	delete(columns, "AlertTime")
	members := []object{empty, columns}
	for _, time := range oddTimes() {
		odd := object{"comments": list{object{"comment": "When?", "createdTime": time.written, "createdDateTime": time.written}}}
		for _, name := range []string{
			"alertCreationTime", "createdDateTime", "firstEventTime", "lastEventTime", "firstActivityDateTime", "lastActivityDateTime", "resolvedTime",
		} {
			odd[name] = time.written
		}
		members = append(members, odd)
	}
	return append(members, []object{
		{"mitreTechniques": list{}, "comments": list{}, "evidence": list{}},
		{"mitreTechniques": list{"T1059", "T1059.003", "T1110.001"}, "category": "Malware"},
		{"mitreTechniques": many(12, "T1566.002"), "category": "LateralMovement"},
		{"classification": "TruePositive", "determination": "MaliciousUserActivity", "status": "resolved"},
		{"classification": "falsePositive", "determination": "notEnoughDataToValidate", "status": "Resolved"},
		{"classification": "InformationalExpectedActivity", "determination": "SecurityTesting"},
		{"classification": "unknownFutureValue", "determination": "unknownFutureValue", "detectionSource": "unknownFutureValue"},
		{"assignedTo": "Automation", "serviceSource": "microsoftThreatIntelligence", "productName": nil, "detectionSource": "builtInMl"},
		{"comments": list{
			object{"comment": nil, "createdBy": nil, "createdTime": nil, "createdByDisplayName": nil, "createdDateTime": nil},
			object{"comment": "Looked at.", "createdBy": "soc@contoso.example", "createdTime": "2026-11-22T13:50:04Z"},
			object{"comment": "Done.", "createdByDisplayName": "A. Meyer", "createdDateTime": "2026-11-22T13:50:04.1Z"},
		}},
		{"comments": many(9, object{"comment": "Again.", "createdBy": "a@b.example"})},
		{"Url": "https://bad.example/x", "Md5": "d41d8cd98f00b204e9800998ecf8427e", "FilePath": "/opt/tools", "FileName": "nc"},
		{"FileName": "", "Url": "", "UserName": "j.doe", "IpAddress": "2001:db8::1"},
		{"IpAddress": "203.0.113.7:443"},
	}...)
}

// graphEvidence are the kinds of alertEvidence, with members that may be null.
func graphEvidence() []any {
	kind := func(name string, more object) object {
		e := object{
			"@odata.type": "#microsoft.graph.security." + name, "createdDateTime": "2026-11-22T13:50:04Z", "verdict": "malicious",
			"remediationStatus": "none", "roles": list{"attacker", "unknownFutureValue"}, "detailedRoles": list{}, "tags": list{},
		}
		maps.Copy(e, more)
		return e
	}
	file := object{"fileName": "a.exe", "filePath": `C:\Temp`, "sha1": nil, "sha256": nil, "md5": "d41d8cd98f00b204e9800998ecf8427e", "fileSize": nil}
	nameless := object{"fileName": nil, "filePath": nil, "sha1": "a9993e364706816aba3e25717850c26c9cd0d89d", "fileSize": 12}
	var odd list
	for _, time := range oddTimes() {
		odd = append(odd, kind("processEvidence", object{"processId": 7, "processCreationDateTime": time.written}))
	}
	none := object{"fileName": "a.exe", "filePath": "", "sha1": "", "sha256": "", "md5": ""}
	nobody := object{"accountName": "", "domainName": "", "userSid": "", "azureAdUserId": "", "userPrincipalName": "", "displayName": ""}
	account := object{"accountName": nil, "domainName": nil, "userSid": nil, "azureAdUserId": nil, "userPrincipalName": "j@contoso.example", "displayName": nil}
	return []any{
		list{
			kind("deviceEvidence", object{"mdeDeviceId": nil, "deviceDnsName": nil, "azureAdDeviceId": nil, "osPlatform": nil, "lastIpAddress": nil, "dnsDomain": nil}),
			kind("deviceEvidence", object{"mdeDeviceId": "1", "deviceDnsName": "mac.example", "osPlatform": "macOS", "version": nil}),
			kind("deviceEvidence", object{"mdeDeviceId": "2", "osPlatform": "Linux", "version": "9"}),
			kind("userEvidence", object{"userAccount": nil}),
			kind("userEvidence", object{"userAccount": account}),
			kind("mailboxEvidence", object{"primaryAddress": "j@contoso.example", "upn": "j@contoso.example", "userAccount": account}),
			kind("processEvidence", object{"processId": nil, "imageFile": nil, "userAccount": nil, "parentProcessImageFile": nil}),
			kind("processEvidence", object{"processId": 12, "imageFile": nameless, "userAccount": account, "parentProcessId": 1, "parentProcessImageFile": nil}),
			kind("fileEvidence", object{"fileDetails": file}),
			kind("fileEvidence", object{"fileDetails": nameless}),
		},
		list{
			kind("ipEvidence", object{"ipAddress": "2001:db8::1", "location": nil}),
			kind("urlEvidence", object{"url": "https://bad.example/"}),
			kind("urlEvidence", object{"url": nil}),
			kind("registryKeyEvidence", object{"registryHive": "HKLM", "registryKey": "Run"}),
			kind("cloudApplicationEvidence", object{"appId": 11161, "displayName": "Slack"}),
			kind("analyzedMessageEvidence", object{
				"networkMessageId": "n", "internetMessageId": "<m@x>", "subject": "Hello", "recipientEmailAddress": "j@contoso.example",
				"p2Sender": object{"displayName": nil, "emailAddress": "x@bad.example"}, "urls": list{"https://bad.example/"},
			}),
			kind("analyzedMessageEvidence", object{"p2Sender": nil, "subject": nil}),
			kind("analyzedMessageEvidence", object{"p2Sender": object{"emailAddress": nil}, "recipientEmailAddress": "j@contoso.example", "subject": nil}),
			kind("aKindOfTomorrowEvidence", object{"verdict": "unknownFutureValue"}),
			kind("fileHashEvidence", object{"algorithm": "sha256", "value": "00"}),
			object{"verdict": "noThreatsFound"},
		},
		list{
			kind("deviceEvidence", object{"mdeDeviceId": "", "deviceDnsName": "", "azureAdDeviceId": "", "osPlatform": "", "version": "", "lastIpAddress": "", "dnsDomain": ""}),
			kind("deviceEvidence", object{"lastIpAddress": "unknown"}),
			kind("ipEvidence", object{"ipAddress": ""}),
			kind("ipEvidence", object{"ipAddress": "203.0.113.7:443"}),
			kind("ipEvidence", object{"ipAddress": "::ffff:203.0.113.7"}),
			kind("userEvidence", object{"userAccount": nobody}),
			kind("fileEvidence", object{"fileDetails": none}),
			kind("urlEvidence", object{"url": ""}),
			kind("analyzedMessageEvidence", object{"subject": "", "p2Sender": object{"emailAddress": ""}, "recipientEmailAddress": ""}),
		},
		odd,
		many(40, kind("ipEvidence", object{"ipAddress": "203.0.113.7"})),
		kind("urlEvidence", object{"url": "https://bad.example/"}), // one entry of an alert that was split
		list{},
	}
}

// endpointEvidence are flat entries with unused members null or absent.
func endpointEvidence() []any {
	var odd list
	for _, time := range oddTimes() {
		odd = append(odd, object{"entityType": "Process", "processId": 7, "fileName": "a.exe", "processCreationTime": time.written})
	}
	return []any{
		list{
			object{"entityType": "User", "accountName": nil, "userPrincipalName": "j@contoso.example", "userSid": nil, "domainName": nil},
			object{"entityType": "User"},
			object{"entityType": "Process", "processId": 4, "fileName": nil, "processCreationTime": nil, "parentProcessId": nil},
			object{"entityType": "Process", "processId": nil, "fileName": "a.exe"},
			object{"entityType": "File", "fileName": "run.sh", "filePath": "/tmp", "sha1": "a9993e364706816aba3e25717850c26c9cd0d89d"},
			object{"entityType": "File", "fileName": nil, "sha1": "a9993e364706816aba3e25717850c26c9cd0d89d"},
			object{"entityType": "Ip", "ipAddress": "203.0.113.7"},
			object{"entityType": "Ip", "ipAddress": nil},
			object{"entityType": "Url", "url": "https://bad.example/"},
			object{"entityType": "Registry", "registryKey": "Run"},
		},
		list{object{"entityType": nil}, object{"entityType": "CloudApplication", "detectionStatus": "Detected"}},
		list{
			object{"entityType": "Ip", "ipAddress": ""},
			object{"entityType": "File", "fileName": "a.exe", "filePath": "", "sha1": ""},
			object{"entityType": "User", "accountName": "", "userPrincipalName": ""},
			object{"entityType": "Url", "url": ""},
		},
		odd,
	}
}

// incidentMembers are values of members that incidents may have, and their alerts, in Graph's spelling and in that of
// Defender XDR.
func incidentMembers() []object {
	var odd list
	for _, time := range oddTimes() {
		odd = append(odd, object{
			"id": time.written, "createdDateTime": time.written, "lastUpdateDateTime": time.written, "firstActivityDateTime": time.written,
			"lastActivityDateTime": time.written, "creationTime": time.written, "firstActivity": time.written, "lastActivity": time.written,
		})
	}
	return []object{
		{"alerts": odd},
		{"description": "Several stages.", "comments": list{object{"comment": "Mine.", "createdBy": "soc@contoso.example", "createdTime": "2026-11-22T13:50:04Z"}}},
		{"alerts": list{}, "comments": nil, "status": "active", "severity": "unknownFutureValue"},
		{"alerts": nil, "status": nil, "severity": "critical", "displayName": nil, "incidentName": nil},
		{"status": "AwaitingAction", "assignedTo": "soc@contoso.example", "classification": "TruePositive", "determination": "Phishing"},
		{"status": "closedByTomorrow", "severity": "UnSpecified"},
		{"alerts": list{
			object{},
			object{"id": "1", "title": nil, "category": nil, "mitreTechniques": nil, "createdDateTime": nil, "serviceSource": nil, "detectorId": nil, "evidence": nil},
			object{"alertId": "2", "category": "Execution", "mitreTechniques": many(7, "T1059.001"), "serviceSource": "MTP", "devices": nil, "entities": nil},
			object{"alertId": "3", "mitreTechniques": list{"T1486", "T1059.003"}, "detectionSource": "MTP", "creationTime": "2026-11-22T13:50:04.1234567Z"},
		}},
		{"alerts": object{"id": "4", "title": "One alert of an incident that was split", "mitreTechniques": list{}}},
	}
}

// hostile fills the tenant with members of other types than documented.
func (s *stage) hostile() {
	begun := time.Now().Add(-10 * time.Hour)
	values := []any{nil, 7, 7.5, true, "", "text", list{}, list{nil, 1, "a", object{}}, object{}, object{"a": list{nil}}}
	names := []string{
		"evidence", "comments", "mitreTechniques", "description", "Description", "productName", "category", "detectorId", "createdDateTime", "title",
		"alertCreationTime", "firstEventTime", "status", "severity", "classification", "FileName", "FilePath", "Md5", "UserDomain", "Url", "IpAddress",
		"providerAlertId", "recommendedActions", "threatName", "assignedTo", "relatedUser", "serviceSource", "AlertTime", "alerts", "InternalIPv4List",
	}
	for i, value := range values {
		members := object{}
		for _, name := range names {
			members[name] = value
		}
		incident := int64(900 + i)
		s.cloud.World.AmendIncident(s.tenants[0].id, incident, object{"alerts": list{value, object{"id": value, "mitreTechniques": list{value}, "category": value}}, "comments": value, "description": value})
		s.cloud.World.Put(s.tenants[0].id, world.Alert{Updated: begun.Add(time.Duration(10*i+5) * time.Minute), Incident: incident})
		broken := object{"@odata.type": value, "entityType": value, "userAccount": value, "imageFile": value, "fileDetails": value, "processId": value, "p2Sender": value}
		for j, of := range []object{members, {"evidence": list{value, broken, object{"@odata.type": "#microsoft.graph.security.processEvidence", "processId": value, "imageFile": object{"fileSize": value, "fileName": value}}}}} {
			for _, source := range []world.Source{world.EndpointAlerts, world.GraphAlerts, world.SIEMAlerts} {
				s.cloud.World.Put(s.tenants[0].id, world.Alert{Updated: begun.Add(time.Duration(10*i+j) * time.Minute), Sources: []world.Source{source}, Members: of})
			}
		}
	}
}
