package record

// Event names.
const (
	eventAlert     = "microsoft.defender.alert"
	eventIncident  = "microsoft.defender.incident"
	eventDetection = "microsoft.defender.detection"
)

// Attributes of the resource.
const (
	attrCloudProvider = "cloud.provider"
	attrTenantID      = "azure.tenant.id"
	attrTenantName    = "azure.tenant.name"
	attrServiceName   = "service.name"
)

// Attributes of a record.
const (
	attrUID       = "log.record.uid"
	attrParentUID = "microsoft.defender.parent.uid"
	attrSource    = "microsoft.defender.source"
	attrChange    = "microsoft.defender.change"

	attrAlertID         = "microsoft.defender.alert.id"
	attrIncidentID      = "microsoft.defender.incident.id"
	attrRedirectID      = "microsoft.defender.redirect_incident.id"
	attrTitle           = "microsoft.defender.title"
	attrCategory        = "microsoft.defender.category"
	attrStatus          = "microsoft.defender.status"
	attrClassification  = "microsoft.defender.classification"
	attrDetermination   = "microsoft.defender.determination"
	attrAssignedTo      = "microsoft.defender.assigned_to"
	attrServiceSource   = "microsoft.defender.service_source"
	attrDetectionSource = "microsoft.defender.detection_source"
	attrDetectorID      = "microsoft.defender.detector.id"
	attrURL             = "microsoft.defender.url"

	attrCreated       = "microsoft.defender.created"
	attrUpdated       = "microsoft.defender.updated"
	attrFirstActivity = "microsoft.defender.first_activity"
	attrLastActivity  = "microsoft.defender.last_activity"
	attrResolved      = "microsoft.defender.resolved"

	attrTechniques    = "microsoft.defender.mitre.techniques"
	attrThreatFamily  = "microsoft.defender.threat.family"
	attrThreatName    = "microsoft.defender.threat.name"
	attrActor         = "microsoft.defender.actor"
	attrEvidenceCount = "microsoft.defender.evidence.count"
	attrAlertsCount   = "microsoft.defender.alerts.count"

	attrHostName = "host.name"
	attrHostID   = "host.id"
	attrUserName = "user.name"
)
