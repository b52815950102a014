package world

import (
	"slices"
	"time"
)

// endpointAlert writes the alert resource of Defender for Endpoint ("Alert resource type"), with the members that real
// answers have beyond its table. The members alertFiles, alertDomains, alertIps and alertProcesses of the years before
// evidence are left out: they are gone from today's answers.
func (w *writer) endpointAlert(f *facts, form Form) {
	classification, determination := f.verdict()
	w.element(func() {
		w.text("id", f.id)
		w.number("incidentId", f.incident)
		w.number("investigationId", f.number("investigation"))
		w.text("assignedTo", f.assignee())
		w.text("severity", f.severity)
		w.text("status", f.status)
		w.text("classification", classification)
		w.text("determination", determination)
		w.text("investigationState", f.investigationState())
		w.text("detectionSource", f.kind.detection)
		w.text("detectorId", f.detector())
		w.text("category", f.kind.category)
		w.text("threatFamilyName", f.kind.family)
		w.text("title", f.title)
		w.text("description", f.kind.description)
		w.when("alertCreationTime", f.created)
		w.when("firstEventTime", f.firstActivity())
		w.when("lastEventTime", f.lastActivity())
		w.when("lastUpdateTime", f.updated)
		w.when("resolvedTime", f.resolvedAt())
		w.text("machineId", f.machineID())
		w.text("computerDnsName", f.dnsName())
		w.text("rbacGroupName", "Workstations")
		w.text("aadTenantId", f.tenant.id)
		w.text("threatName", f.kind.threat)
		w.texts("mitreTechniques", f.kind.techniques...)
		w.object("relatedUser", func() {
			w.text("userName", f.user())
			w.text("domainName", f.netbios())
		})
		w.array("loggedOnUsers", func() { w.element(func() { w.account(f) }) })
		w.array("comments", func() { w.endpointComments(f) })
		w.array("evidence", func() {
			if form.Expanded {
				w.endpointEvidence(f)
			}
		})
		w.texts("domains")
	})
}

func (w *writer) account(f *facts) {
	w.text("accountName", f.user())
	w.text("domainName", f.netbios())
}

func (w *writer) endpointComments(f *facts) {
	for i := range f.comments() {
		w.element(func() {
			w.text("comment", commentText(i))
			w.text("createdBy", f.assignee())
			w.when("createdTime", f.updated.Add(-time.Duration(i)*time.Minute).Truncate(Tick))
		})
	}
}

// comments counts what people have written.
func (f *facts) comments() int { return max(0, f.revision-2) }

func commentText(i int) string {
	return []string{"Asked the user, waiting for an answer.", "Device isolated.", "Closed after review."}[i%3]
}

func (f *facts) detector() string { return f.guid("detector/" + f.kind.title) }

// endpointEvidence writes at least three entries, and more in later versions.
func (w *writer) endpointEvidence(f *facts) {
	types := []string{"User", "Process", "File", "Url", "Ip", "Registry"}
	for i := range min(3+(f.revision+1)/2, len(types)) {
		w.element(func() { w.endpointEntry(f, types[i]) })
	}
}

func (w *writer) endpointEntry(f *facts, entity string) {
	is := func(types ...string) func(string) string {
		return func(value string) string {
			if slices.Contains(types, entity) {
				return value
			}
			return ""
		}
	}
	file, process, registry, user := is("Process", "File"), is("Process"), is("Registry"), is("User", "Process")
	var pid, parentPID int64
	var started, parentStarted time.Time
	if entity == "Process" {
		pid, parentPID = f.number("pid"), f.number("ppid")
		started, parentStarted = f.firstActivity(), f.firstActivity().Add(-time.Minute)
	}
	w.text("entityType", entity)
	w.when("evidenceCreationTime", f.created)
	w.text("sha1", file(f.hex("sha1", 40)))
	w.text("sha256", file(f.hex("sha256", 64)))
	w.text("fileName", file(f.kind.file))
	w.text("filePath", file(f.kind.folder))
	w.number("processId", pid)
	w.text("processCommandLine", process(f.kind.command))
	w.when("processCreationTime", started)
	w.number("parentProcessId", parentPID)
	w.when("parentProcessCreationTime", parentStarted)
	w.text("parentProcessFileName", process(f.kind.parent))
	w.text("parentProcessFilePath", process(`C:\Windows\System32`))
	w.text("ipAddress", is("Ip")(f.address()))
	w.text("url", is("Url")("https://"+f.hex("url", 12)+".example/download"))
	w.text("registryKey", registry(`SOFTWARE\Microsoft\Windows\CurrentVersion\Run`))
	w.text("registryHive", registry("HKEY_LOCAL_MACHINE"))
	w.text("registryValueType", registry("String"))
	w.text("registryValue", registry(f.kind.folder+`\`+f.kind.file))
	w.text("registryValueName", registry("Updater"))
	w.text("accountName", user(f.user()))
	w.text("domainName", user(f.netbios()))
	w.text("userSid", user(f.userSID()))
	w.text("aadUserId", user(f.guid("user")))
	w.text("userPrincipalName", user(f.upn()))
	w.text("detectionStatus", is("Process", "File")("Detected"))
}

// endpointProperty is the value of a filterable property, beyond those that every version stores.
func (f *facts) endpointProperty(name string) any {
	switch name {
	case "incidentId":
		return f.incident
	case "InvestigationId":
		return f.number("investigation")
	case "assignedTo":
		return f.assignee()
	case "detectionSource":
		return f.kind.detection
	case "lastEventTime":
		return f.lastActivity()
	case "status":
		return f.status
	case "severity":
		return f.severity
	case "category":
		return f.kind.category
	}
	return nil
}
