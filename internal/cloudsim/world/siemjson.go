package world

import "strconv"

// machineGroup is the group that every device is in.
const machineGroup = "Workstations"

// detection writes a row of the legacy SIEM API ("Pull detections using SIEM REST API"). What it does not know is an
// empty string, not null.
func (w *writer) detection(f *facts, part int) {
	first := func(value string) string {
		if part == 0 {
			return value
		}
		return ""
	}
	w.element(func() {
		w.when("AlertTime", f.firstActivity())
		w.column("ComputerDnsName", f.dnsName())
		w.column("AlertTitle", f.title)
		w.column("Category", f.kind.category)
		w.column("Severity", f.severity)
		w.column("AlertId", f.id)
		w.column("Actor", f.kind.actor)
		w.column("LinkToWDATP", "https://securitycenter.windows.com/alert/"+f.id)
		w.columns("IocName", "IocValue", "CreatorIocName", "CreatorIocValue")
		w.column("Sha1", f.hex("sha1", 40))
		w.column("FileName", f.kind.file)
		w.column("FilePath", f.kind.folder)
		w.column("IpAddress", first(f.address()))
		w.column("Url", "")
		w.column("IoaDefinitionId", f.detector())
		w.column("UserName", first(f.user()))
		w.count("AlertPart", part)
		w.column("FullId", f.fullID(part))
		w.when("LastProcessedTimeUtc", f.updated)
		w.column("ThreatCategory", f.kind.category)
		w.column("ThreatFamily", f.kind.family)
		w.column("ThreatName", f.kind.threat)
		w.column("RemediationAction", "")
		w.nulls("RemediationIsSuccess")
		w.column("Source", f.kind.detection)
		w.column("Md5", "")
		w.column("Sha256", f.hex("sha256", 64))
		w.nulls("WasExecutingWhileDetected")
		w.column("UserDomain", first(f.netbios()))
		w.column("LogOnUsers", f.netbios()+`\`+f.user())
		w.column("MachineDomain", f.domain())
		w.column("MachineName", f.hostName())
		w.column("InternalIPv4List", "10.0.0.15")
		w.column("InternalIPv6List", "fe80::5c1d:9b2a:7e3f:1c44")
		w.column("FileHash", f.hex("sha1", 40))
		w.column("DeviceID", f.machineID())
		w.column("MachineGroup", machineGroup)
		w.column("Description", f.kind.description)
		w.column("DeviceCreatedMachineTags", f.deviceTag())
		w.column("CloudCreatedMachineTags", "")
		w.column("CommandLine", first(f.kind.command))
		w.columns("IncidentLinkToWDATP")
		w.count("ReportID", int(f.number("report")))
		w.columns("LinkToMTP", "IncidentLinkToMTP")
		w.column("ExternalId", f.hex("external", 40))
		w.column("IocUniqueId", f.iocID(part))
	})
}

// deviceTag is the tag that a device's own registry has, which one in two has.
func (f *facts) deviceTag() string {
	if hash(f.hostName())%2 == 0 {
		return "pilot"
	}
	return ""
}

// column writes a string, also an empty one.
func (w *writer) column(name, value string) {
	w.key(name)
	w.value(value)
}

func (w *writer) columns(names ...string) {
	for _, name := range names {
		w.column(name, "")
	}
}

// count writes an integer, also zero.
func (w *writer) count(name string, n int) {
	w.key(name)
	w.separate()
	w.b = strconv.AppendInt(w.b, int64(n), 10)
}

// siemProperty is the value of what a request can ask for.
func (f *facts) siemProperty(name string) any {
	switch name {
	case "MachineGroup":
		return machineGroup
	case "DeviceCreatedMachineTags":
		return f.deviceTag()
	}
	return nil
}
