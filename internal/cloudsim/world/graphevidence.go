package world

import "time"

// graphEvidence writes typed evidence (alertEvidence and its derived types): the device and the user always, one more
// with each revision.
func (w *writer) graphEvidence(f *facts, form Form) {
	entries := []struct {
		name, verdict, remediation string
		write                      func(*facts)
	}{
		{"deviceEvidence", "unknown", "none", w.device},
		{"userEvidence", "unknown", "none", w.user},
		{"processEvidence", "malicious", "active", w.process},
		{"fileEvidence", "malicious", "prevented", w.file},
		{"ipEvidence", "suspicious", "none", w.ip},
		{"registryValueEvidence", "suspicious", "pendingApproval", w.registry},
		{"urlEvidence", "malicious", "blocked", w.url},
	}
	for _, e := range entries[:min(3+f.revision, len(entries))] {
		w.element(func() {
			w.text("@odata.type", "#microsoft.graph.security."+e.name)
			w.when("createdDateTime", f.created)
			w.text("verdict", e.verdict)
			w.enum("remediationStatus", e.remediation, form)
			w.text("remediationStatusDetails", "")
			w.texts("roles")
			w.texts("detailedRoles")
			w.texts("tags")
			e.write(f)
		})
	}
}

func (w *writer) device(f *facts) {
	w.when("firstSeenDateTime", f.created.Add(-90*24*time.Hour).Truncate(time.Hour))
	w.text("mdeDeviceId", f.machineID())
	w.text("azureAdDeviceId", f.guid("device/"+f.hostName()))
	w.text("deviceDnsName", f.dnsName())
	w.text("hostName", f.hostName())
	w.text("dnsDomain", f.domain())
	w.text("ntDomain", f.netbios())
	w.text("osPlatform", "Windows11")
	w.number("osBuild", 26100)
	w.text("version", "24H2")
	w.text("healthStatus", "active")
	w.text("riskScore", "medium")
	w.number("rbacGroupId", 75)
	w.text("rbacGroupName", "Workstations")
	w.text("onboardingStatus", "onboarded")
	w.text("defenderAvStatus", "updated")
	w.texts("ipInterfaces", "10.0.0.15", "fe80::5c1d:9b2a:7e3f:1c44")
	w.text("lastIpAddress", "10.0.0.15")
	w.text("lastExternalIpAddress", f.address())
	w.array("loggedOnUsers", func() { w.element(func() { w.account(f) }) })
	w.nulls("vmMetadata")
}

func (w *writer) user(f *facts) {
	w.nulls("stream")
	w.userAccount(f)
}

func (w *writer) userAccount(f *facts) {
	w.object("userAccount", func() {
		w.account(f)
		w.text("userSid", f.userSID())
		w.text("azureAdUserId", f.guid("user"))
		w.text("userPrincipalName", f.upn())
		w.text("displayName", f.user())
		w.nulls("activeDirectoryObjectGuid")
	})
}

func (w *writer) process(f *facts) {
	w.number("processId", f.number("pid"))
	w.number("parentProcessId", f.number("ppid"))
	w.text("processCommandLine", f.kind.command)
	w.when("processCreationDateTime", f.firstActivity())
	w.when("parentProcessCreationDateTime", f.firstActivity().Add(-time.Minute))
	w.text("detectionStatus", "detected")
	w.text("mdeDeviceId", f.machineID())
	w.fileDetails("imageFile", f, f.kind.file)
	w.fileDetails("parentProcessImageFile", f, f.kind.parent)
	w.userAccount(f)
}

func (w *writer) file(f *facts) {
	w.text("detectionStatus", "prevented")
	w.text("mdeDeviceId", f.machineID())
	w.fileDetails("fileDetails", f, f.kind.file)
}

func (w *writer) fileDetails(member string, f *facts, name string) {
	w.object(member, func() {
		w.text("sha1", f.hex("sha1/"+name, 40))
		w.text("sha256", f.hex("sha256/"+name, 64))
		w.nulls("md5", "sha256Ac")
		w.text("fileName", name)
		w.text("filePath", f.kind.folder)
		w.number("fileSize", f.number("size"))
		w.nulls("filePublisher", "signer", "issuer")
	})
}

func (w *writer) ip(f *facts) {
	w.text("ipAddress", f.address())
	w.text("countryLetterCode", "NL")
	w.nulls("location", "stream")
}

func (w *writer) registry(f *facts) {
	w.text("registryHive", "HKEY_LOCAL_MACHINE")
	w.text("registryKey", `SOFTWARE\Microsoft\Windows\CurrentVersion\Run`)
	w.text("registryValue", f.kind.folder+`\`+f.kind.file)
	w.text("registryValueName", "Updater")
	w.text("registryValueType", "String")
	w.text("mdeDeviceId", f.machineID())
}

func (w *writer) url(f *facts) {
	w.text("url", "https://"+f.hex("url", 12)+".example/download")
}
