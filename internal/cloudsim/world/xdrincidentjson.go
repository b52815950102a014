package world

import "time"

// xdrIncident writes the incident resource of Defender XDR ("Incident resource type"), which has its alerts.
func (w *writer) xdrIncident(i *incident) {
	classification, determination := i.verdict()
	w.element(func() {
		w.number("incidentId", i.number)
		w.number("redirectIncidentId", i.redirect)
		w.text("incidentName", i.name())
		w.when("createdTime", i.created)
		w.when("lastUpdateTime", i.updated)
		w.text("assignedTo", i.assignee())
		w.text("classification", orUnknown(classification, "Unknown"))
		w.text("determination", orUnknown(determination, "NotAvailable"))
		w.text("status", i.status())
		w.text("severity", i.severity())
		w.texts("tags", "Demo")
		w.array("comments", func() { w.incidentComments(i, "createdBy", "createdTime") })
		w.array("alerts", func() {
			for _, f := range i.alerts {
				w.element(func() { w.xdrAlert(i, f) })
			}
		})
	})
}

func orUnknown(value, unknown string) string {
	if value == "" {
		return unknown
	}
	return value
}

// aheadOfIncident is how much later an embedded alert may say it was updated than its incident, as in Microsoft's sample.
const aheadOfIncident = 30 * time.Minute

// xdrAlert writes an embedded alert, whose members have names of their own.
func (w *writer) xdrAlert(i *incident, f *facts) {
	classification, determination := f.verdict()
	w.text("alertId", f.id)
	w.text("providerAlertId", f.id)
	w.number("incidentId", i.number)
	w.text("serviceSource", "MicrosoftDefenderForEndpoint")
	w.when("creationTime", f.created)
	w.when("lastUpdatedTime", f.updated.Add(aheadOfIncident))
	w.when("resolvedTime", f.resolvedAt())
	w.when("firstActivity", f.firstActivity())
	w.when("lastActivity", f.lastActivity())
	w.text("title", f.title)
	w.text("description", f.kind.description)
	w.text("category", f.kind.category)
	w.text("status", f.status)
	w.text("severity", f.severity)
	w.number("investigationId", f.number("investigation"))
	w.text("investigationState", f.investigationState())
	w.text("classification", classification)
	w.text("determination", determination)
	w.text("detectionSource", f.kind.detection)
	w.text("detectorId", f.detector())
	w.text("assignedTo", f.assignee())
	w.text("actorName", f.kind.actor)
	w.text("threatFamilyName", f.kind.family)
	w.texts("mitreTechniques", f.kind.techniques...)
	w.array("devices", func() { w.element(func() { w.xdrDevice(f) }) })
	w.array("entities", func() { w.xdrEntities(f) })
}

func (w *writer) xdrDevice(f *facts) {
	w.text("mdatpDeviceId", f.machineID())
	w.text("aadDeviceId", f.guid("device/"+f.hostName()))
	w.text("deviceDnsName", f.dnsName())
	w.text("osPlatform", "Windows11")
	w.text("version", "24H2")
	w.text("osProcessor", "x64")
	w.number("osBuild", 26100)
	w.text("healthStatus", "Active")
	w.text("riskScore", "Medium")
	w.text("rbacGroupName", machineGroup)
	w.number("rbacGroupId", 75)
	w.when("firstSeen", f.created.Add(-90*24*time.Hour).Truncate(time.Hour))
	w.texts("tags")
	w.text("defenderAvStatus", "Updated")
	w.text("onboardingStatus", "Onboarded")
	w.nulls("vmMetadata")
	w.array("loggedOnUsers", func() { w.element(func() { w.account(f) }) })
}

// xdrEntities leaves out unused members, as newer answers do. A kind that no client may know is among them.
func (w *writer) xdrEntities(f *facts) {
	w.element(func() {
		w.text("entityType", "Process")
		w.when("evidenceCreationTime", f.created)
		w.text("verdict", "Malicious")
		w.text("remediationStatus", "Active")
		w.text("sha1", f.hex("sha1", 40))
		w.text("sha256", f.hex("sha256", 64))
		w.text("fileName", f.kind.file)
		w.text("filePath", f.kind.folder)
		w.number("processId", f.number("pid"))
		w.text("processCommandLine", f.kind.command)
		w.text("deviceId", f.machineID())
	})
	w.element(func() {
		w.text("entityType", "CloudLogonSession")
		w.when("evidenceCreationTime", f.created)
		w.text("verdict", "Suspicious")
	})
	w.element(func() {
		w.text("entityType", "User")
		w.when("evidenceCreationTime", f.created)
		w.account(f)
		w.text("userSid", f.userSID())
		w.text("aadUserId", f.guid("user"))
		w.text("userPrincipalName", f.upn())
	})
}
