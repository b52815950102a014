package api

import (
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/odata"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// graphIncidents follows "List incidents" of Microsoft Graph; its greatest $top is what integrations use without error.
func graphIncidents() *surface {
	return &surface{
		api: Graph, source: world.GraphIncidents, path: "/v1.0/security/incidents", context: "/v1.0/$metadata#security/incidents",
		properties: odata.Properties{
			"createdDateTime": odata.Time, "lastUpdateDateTime": odata.Time, "assignedTo": odata.String,
			"classification": odata.Enum, "determination": odata.Enum, "severity": odata.Enum, "status": odata.Enum,
		},
		id: "id", updated: "lastUpdateDateTime", tenant: "tenantId",
		parameters: []string{"$filter", "$top", "$skip", "$count", "$expand", "$skiptoken"}, expandable: "alerts",
		elements: alertsOfIncident(),
		maxTop:   50, defaultTop: 50,
		audiences: graphAudiences(),
		roles:     []string{"SecurityIncident.Read.All", "SecurityIncident.ReadWrite.All"},
		refuse:    (*Server).refuseGraph,
	}
}

// alertsOfIncident is the navigation property alerts of an incident.
func alertsOfIncident() *surface {
	return &surface{
		api: Graph, source: world.GraphIncidents, context: "/v1.0/$metadata#security/incidents/alerts",
		id: "id", updated: "lastUpdateDateTime", tenant: "tenantId",
		parameters: []string{"$top", "$skip", "$count", "$skiptoken"},
		maxTop:     2_000, defaultTop: 100,
		refuse: (*Server).refuseGraph,
	}
}
