package api

import (
	"github.com/otelcol-defender/otelcol-defender/internal/cloud"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/odata"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// xdrIncidents follows "List incidents API" of Defender XDR.
func xdrIncidents() *surface {
	return &surface{
		api: XDR, source: world.XDRIncidents, path: "/api/incidents", context: "/api/$metadata#Incidents",
		properties: odata.Properties{
			"lastUpdateTime": odata.Time, "createdTime": odata.Time, "status": odata.Enum, "assignedTo": odata.String,
		},
		id: "incidentId", updated: "lastUpdateTime",
		parameters: []string{"$filter", "$top", "$skip"},
		maxTop:     100, defaultTop: 100,
		audiences: append(audiences(func(c cloud.Cloud) cloud.API { return c.XDR }), "8ee8fdad-f234-4243-8f3b-15c294843740"),
		roles:     []string{"Incident.Read.All", "Incident.ReadWrite.All", "Incident.Read", "Incident.ReadWrite"},
		refuse:    (*Server).refuseEndpoint, waitInText: true,
	}
}
