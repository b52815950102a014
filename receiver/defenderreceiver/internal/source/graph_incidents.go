package source

import (
	"github.com/otelcol-defender/otelcol-defender/internal/cloud"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/quota"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/record"
)

// graphIncidents is GET /v1.0/security/incidents of Microsoft Graph. Source: "List incidents" and "Microsoft Graph
// service-specific throttling limits". The greatest $top is not documented; 50 is what integrations use.
func graphIncidents() Source {
	return Source{
		Key:         "graph_incidents",
		Path:        "/v1.0/security/incidents",
		UpdateTime:  "lastUpdateDateTime",
		Expand:      "alerts",
		Expands:     "its alerts",
		Navigation:  true,
		Header:      preferUnknownMembers(),
		PageSize:    50,
		MaxPageSize: 50,
		Roles:       []string{"SecurityIncident.Read.All", "SecurityIncident.ReadWrite.All"},
		Quota:       "graph_security",
		Limits:      []quota.Limit{perMinute(150)},
		Schema:      record.GraphIncident(),
		API:         func(c cloud.Cloud) cloud.API { return c.Graph },
	}
}
