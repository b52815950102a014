package source

import (
	"github.com/otelcol-defender/otelcol-defender/internal/cloud"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/quota"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/record"
)

// xdrIncidents is GET /api/incidents of Defender XDR, whose incidents have their alerts without being asked. Source: "List
// incidents API in Microsoft Defender XDR".
func xdrIncidents() Source {
	return Source{
		Key:         "xdr_incidents",
		Path:        "/api/incidents",
		UpdateTime:  "lastUpdateTime",
		PageSize:    100,
		MaxPageSize: 100,
		Roles:       []string{"Incident.Read.All", "Incident.ReadWrite.All", "Incident.Read", "Incident.ReadWrite"},
		Quota:       "xdr",
		Limits:      []quota.Limit{perMinute(50), perHour(1_500)},
		Schema:      record.XDRIncident(),
		API:         func(c cloud.Cloud) cloud.API { return c.XDR },
	}
}
