package world

// kind is one detector: what all of its alerts have in common.
type kind struct {
	title, description, severity, category string
	techniques                             []string
	// detection is Defender for Endpoint's detectionSource; service, source and product are Graph's serviceSource,
	// detectionSource and productName.
	detection, service, source, product string
	family, threat, actor               string
	file, folder, command, parent       string
}

// kinds returns all detectors.
func kinds() []*kind { return append(endpointKinds(), otherKinds()...) }

// endpointKinds are the detectors of Defender for Endpoint itself.
func endpointKinds() []*kind {
	return []*kind{
		{
			title:       "Suspicious PowerShell command line",
			description: "A suspicious PowerShell activity was observed on the machine.\nThis behavior may indicate that PowerShell was used during installation, exploration, or in some cases in lateral movement activities.",
			severity:    "Medium", category: "Execution", techniques: []string{"T1059.001", "T1204"},
			detection: "WindowsDefenderAtp", service: forEndpoint, source: forEndpoint, product: "Microsoft Defender for Endpoint",
			file: "powershell.exe", folder: `C:\Windows\System32\WindowsPowerShell\v1.0`, parent: "winword.exe",
			command: `powershell.exe -nop -w hidden -enc "SQBFAFgAIAAoAE4AZQB3AC0ATwBiAGoAZQBjAHQA"`,
		},
		{
			title:       "Ransomware behavior detected in the file system",
			description: "A process changed many files within a short time and gave them new extensions.\nIsolate the device and check the backups before anything else.",
			severity:    "High", category: "Ransomware", techniques: []string{"T1486", "T1490"},
			detection: "WindowsDefenderAv", service: forEndpoint, source: "antivirus", product: "Microsoft Defender Antivirus",
			family: "Basta", threat: "Ransom:Win64/Basta.PC!MTB", file: "svchost64.exe", folder: `C:\Users\Public`,
			command: `"C:\Users\Public\svchost64.exe" -nomutex -forcepath C:\`, parent: "cmd.exe",
		},
		{
			title:       "Credential dumping tool was blocked",
			description: "Malware tried to read the memory of the local security authority.\nIt was blocked, but whoever started it may still be active.",
			severity:    "High", category: "CredentialAccess", techniques: []string{"T1003.001"},
			detection: "WindowsDefenderAv", service: forEndpoint, source: "antivirus", product: "Microsoft Defender Antivirus",
			family: "Mimikatz", threat: "HackTool:Win32/Mimikatz.D", file: "mk.exe", folder: `C:\Temp`,
			command: `mk.exe "privilege::debug" "sekurlsa::logonpasswords" exit`, parent: "cmd.exe",
		},
		{
			title:       "Unwanted software was found",
			description: "A potentially unwanted application was detected and quarantined.",
			severity:    "Informational", category: "UnwantedSoftware", detection: "WindowsDefenderAv",
			service: forEndpoint, source: "antivirus", product: "Microsoft Defender Antivirus",
			family: "PiriformBundler", threat: "PUADlManager:Win32/PiriformBundler", file: "setup_free.exe",
			folder: `C:\Users\Default\Downloads`, command: "setup_free.exe /silent", parent: "explorer.exe",
		},
		{
			title:       "Connection to a domain of a custom indicator",
			description: "A device connected to a domain that the organization has put on its list of indicators.",
			severity:    "Low", category: "CommandAndControl", techniques: []string{"T1071.001"},
			detection: "CustomerTI", service: forEndpoint, source: "customTi", product: "Microsoft Defender for Endpoint",
			file: "msedge.exe", folder: `C:\Program Files (x86)\Microsoft\Edge\Application`, command: "msedge.exe --no-startup-window",
			parent: "explorer.exe",
		},
	}
}

// otherKinds are those of other products, one of which Graph shows only to those who ask for members of enumerations
// that came later.
func otherKinds() []*kind {
	return []*kind{
		{
			title:       "Scheduled task created by an unusual process",
			description: "An unusual process registered a scheduled task, a common way to survive a restart.",
			severity:    "Medium", category: "Persistence", techniques: []string{"T1053.005"},
			detection: "CustomDetection", service: "microsoft365Defender", source: "customDetection", product: "Microsoft Defender XDR",
			file: "schtasks.exe", folder: `C:\Windows\System32`, command: `schtasks /create /sc onlogon /tn "Updater" /tr C:\Temp\u.exe`,
			parent: "wscript.exe",
		},
		{
			title:       "Mail with a malicious link was opened after delivery",
			description: "A user clicked a link that was found to be malicious after the message had been delivered.",
			severity:    "High", category: "InitialAccess", techniques: []string{"T1566.002"},
			detection: "OfficeATP", service: "microsoftDefenderForOffice365", source: "microsoftDefenderForOffice365",
			product: "Microsoft Defender for Office 365", file: "outlook.exe", folder: `C:\Program Files\Microsoft Office\root\Office16`,
			command: "outlook.exe /recycle", parent: "explorer.exe", actor: "Storm-1811",
		},
		{
			title:       "Analytic rule: many failed sign-ins followed by a success",
			description: "An account was signed in to after a series of failures from the same address.",
			severity:    "Medium", category: "CredentialAccess", techniques: []string{"T1110"},
			detection: "Microsoft365Defender", service: "microsoftSentinel", source: "scheduledAlerts", product: "Microsoft Sentinel",
			file: "lsass.exe", folder: `C:\Windows\System32`, command: `C:\Windows\System32\lsass.exe`, parent: "wininit.exe",
		},
	}
}

const forEndpoint = "microsoftDefenderForEndpoint"

// afterUnknown tells whether an enumeration has the member after unknownFutureValue, so that Graph shows it only to
// requests with Prefer: include-unknown-enum-members.
func afterUnknown(member string) bool {
	switch member {
	case "microsoftSentinel", "scheduledAlerts", "awaitingAction", "active", "pendingApproval", "unremediated", "partiallyRemediated":
		return true
	}
	return false
}
