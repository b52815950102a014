package api

import (
	"github.com/otelcol-defender/otelcol-defender/internal/cloud"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/odata"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// graphAlerts follows "List alerts_v2" of Microsoft Graph; its greatest $top is what integrations use without error.
func graphAlerts() *surface {
	return &surface{
		api: Graph, source: world.GraphAlerts, path: "/v1.0/security/alerts_v2", context: "/v1.0/$metadata#security/alerts_v2",
		properties: odata.Properties{
			"createdDateTime": odata.Time, "lastUpdateDateTime": odata.Time, "assignedTo": odata.String,
			"classification": odata.Enum, "determination": odata.Enum, "severity": odata.Enum,
			"serviceSource": odata.Enum, "status": odata.Enum,
		},
		id: "id", updated: "lastUpdateDateTime", tenant: "tenantId",
		parameters: []string{"$filter", "$top", "$skip", "$count", "$skiptoken"},
		maxTop:     2_000, defaultTop: 100,
		audiences: graphAudiences(),
		roles:     []string{"SecurityAlert.Read.All", "SecurityAlert.ReadWrite.All"},
		refuse:    (*Server).refuseGraph,
	}
}

func graphAudiences() []string {
	return append(audiences(func(c cloud.Cloud) cloud.API { return c.Graph }), "00000003-0000-0000-c000-000000000000")
}
