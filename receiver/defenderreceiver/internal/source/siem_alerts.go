package source

import (
	"strconv"
	"strings"

	"github.com/otelcol-defender/otelcol-defender/internal/cloud"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/quota"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/record"
)

// siemAlerts is GET /api/alerts of the legacy alert exporter. Source: "Pull detections using SIEM REST API" and, for its
// end, "Deprecating the legacy SIEM API". No quota and no greatest limit are documented: these are careful.
func siemAlerts() Source {
	return Source{
		Key:         "siem_alerts",
		Path:        "/api/alerts",
		UpdateTime:  "LastProcessedTimeUtc",
		PageSize:    10_000,
		MaxPageSize: 10_000,
		Quota:       "siem",
		Limits:      []quota.Limit{perMinute(20), perHour(500)},
		Regions:     []string{"us", "eu", "uk"},
		Array:       true,
		Ask:         askDetections,
		Before:      beforeDetections,
		Successor:   "graph_alerts",
		Schema:      record.SIEMAlert(),
		API:         func(c cloud.Cloud) cloud.API { return c.SIEM },
	}
}

// beforeDetections is how many ticks before an interval is asked for. It is not documented whether the API's bounds are
// inclusive. If they are not, the last instant of a part is missing in its answer, and the next part asks for it again.
const beforeDetections = 2

func askDetections(q Query) string {
	to := q.To
	if q.From == q.To {
		to++ // the next part begins behind it
	}
	text := "sinceTimeUtc=" + escape((q.From - beforeDetections).String()) + "&untilTimeUtc=" + escape(to.String()) +
		"&limit=" + strconv.Itoa(q.Top)
	if more := q.Parameters.Encode(); more != "" {
		text += "&" + strings.ReplaceAll(more, "+", "%20")
	}
	return text
}
