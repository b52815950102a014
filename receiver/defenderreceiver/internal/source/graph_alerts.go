package source

import (
	"net/http"

	"github.com/otelcol-defender/otelcol-defender/internal/cloud"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/quota"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/record"
)

// graphAlerts is GET /v1.0/security/alerts_v2 of Microsoft Graph. Source: "List alerts_v2" and "Microsoft Graph
// service-specific throttling limits".
func graphAlerts() Source {
	return Source{
		Key:         "graph_alerts",
		Path:        "/v1.0/security/alerts_v2",
		UpdateTime:  "lastUpdateDateTime",
		Header:      preferUnknownMembers(),
		PageSize:    1_000,
		MaxPageSize: 2_000,
		Roles:       []string{"SecurityAlert.Read.All", "SecurityAlert.ReadWrite.All"},
		Quota:       "graph_security",
		Limits:      []quota.Limit{perMinute(150)},
		Schema:      record.GraphAlert(),
		API:         func(c cloud.Cloud) cloud.API { return c.Graph },
	}
}

// preferUnknownMembers is the header without which newer enum values arrive as unknownFutureValue.
func preferUnknownMembers() http.Header {
	return http.Header{"Prefer": {"include-unknown-enum-members"}}
}
