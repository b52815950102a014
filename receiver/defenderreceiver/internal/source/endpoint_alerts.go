package source

import (
	"github.com/otelcol-defender/otelcol-defender/internal/cloud"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/quota"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/record"
)

// endpointAlerts is GET /api/alerts of Defender for Endpoint. Source: "List alerts API" and "Supported APIs".
func endpointAlerts() Source {
	return Source{
		Key:         "endpoint_alerts",
		Path:        "/api/alerts",
		UpdateTime:  "lastUpdateTime",
		Expand:      "evidence",
		Expands:     "its evidence",
		PageSize:    10_000,
		MaxPageSize: 10_000,
		Roles:       []string{"Alert.Read.All", "Alert.ReadWrite.All", "Alert.Read", "Alert.ReadWrite"},
		Quota:       "endpoint",
		Limits:      []quota.Limit{perMinute(100), perHour(1_500)},
		Regions:     []string{"us", "eu", "uk", "au", "swa", "ina", "aea"},
		Schema:      record.EndpointAlert(),
		API:         func(c cloud.Cloud) cloud.API { return c.Endpoint },
	}
}
