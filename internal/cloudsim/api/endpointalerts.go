package api

import (
	"github.com/otelcol-defender/otelcol-defender/internal/cloud"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/odata"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// endpointAlerts follows "List alerts API" of Defender for Endpoint.
func endpointAlerts() *surface {
	return &surface{
		api: Endpoint, source: world.EndpointAlerts, path: "/api/alerts", context: "/api/$metadata#Alerts",
		properties: odata.Properties{
			"alertCreationTime": odata.Time, "lastUpdateTime": odata.Time, "lastEventTime": odata.Time,
			"incidentId": odata.Int, "InvestigationId": odata.Int,
			"id": odata.String, "assignedTo": odata.String, "detectionSource": odata.String, "category": odata.String,
			"status": odata.Enum, "severity": odata.Enum,
		},
		id: "id", updated: "lastUpdateTime", tenant: "aadTenantId",
		parameters: []string{"$filter", "$top", "$skip", "$expand"}, expandable: "evidence",
		maxTop: 10_000, defaultTop: 10_000,
		audiences: append(audiences(func(c cloud.Cloud) cloud.API { return c.Endpoint }),
			"https://securitycenter.onmicrosoft.com/windowsatpservice", "fc780465-2017-40d4-a0c5-307022471b92"),
		roles:      []string{"Alert.Read.All", "Alert.ReadWrite.All", "Alert.Read", "Alert.ReadWrite"},
		oneIsWhole: true, refuse: (*Server).refuseEndpoint,
	}
}
