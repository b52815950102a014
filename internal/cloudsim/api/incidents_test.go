package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

const (
	incidents    = "/v1.0/security/incidents"
	xdrList      = "/api/incidents"
	detections   = "/api/alerts"
	twoIncidents = 2
)

// withIncidents has the incidents 1, of three alerts, and 2, of one.
func withIncidents(t *testing.T) *bench {
	b := newBench(t)
	for i, incident := range []int64{1, 1, 2, 1} {
		b.world.Put(contoso, world.Alert{ID: fmt.Sprint("a", i), Updated: noon.Add(time.Duration(i) * time.Second), Incident: incident})
	}
	b.advance(time.Minute)
	return b
}

func TestGraphIncidentsHaveTheirAlertsOnlyWhenExpanded(t *testing.T) {
	b := withIncidents(t)
	list := b.get("incidents", incidents)
	assert.Equal(t, []string{"1", "2"}, list.ids(), "newest first")
	assert.NotContains(t, list.text, `"alerts"`)
	expanded := b.get("incidents", incidents, "$expand", "alerts", "$top", "50")
	assert.Equal(t, []string{"a0", "a1", "a3"}, alertsIn(t, expanded.Value[0]))
	assert.NotContains(t, b.get("incidents", incidents+"/1").text, `"alerts"`)
	one := b.get("incidents", incidents+"/1", "$expand", "alerts")
	assert.JSONEq(t, string(expanded.Value[0]), one.text)
	for name, query := range map[string][]string{
		"an option": {"$orderby", "lastUpdateDateTime"}, "too many": {"$top", "51"}, "a property": {"$filter", "serviceSource eq 'x'"},
		"what is expanded": {"$expand", "evidence"},
	} {
		assert.Equal(t, http.StatusBadRequest, b.get("incidents", incidents, query...).status, name)
	}
	assert.Equal(t, http.StatusForbidden, b.get("graph", incidents).status, "the permission for alerts is not one for incidents")
	assert.Equal(t, http.StatusForbidden, b.get("incidents", alertsV2).status, "nor the other way round")
}

func alertsIn(t *testing.T, raw []byte) (ids []string) {
	t.Helper()
	var incident struct {
		Alerts []struct{ ID, AlertID, IncidentID any }
	}
	require.NoError(t, json.Unmarshal(raw, &incident))
	for _, a := range incident.Alerts {
		if a.ID == nil {
			a.ID = a.AlertID
		}
		ids = append(ids, fmt.Sprint(a.ID))
	}
	return ids
}

func TestTheAlertsOfAnIncidentOneByOne(t *testing.T) {
	b := withIncidents(t)
	assert.Equal(t, []string{"a0", "a1", "a3"}, b.get("incidents", incidents+"/1/alerts").ids())
	assert.Equal(t, []string{"a1"}, b.get("incidents", incidents+"/1/alerts", "$top", "1", "$skip", "1").ids())
	last := b.get("incidents", incidents+"/1/alerts", "$top", "1", "$skip", "3")
	assert.Equal(t, 200, last.status)
	assert.Empty(t, last.ids())
	assert.Equal(t, 404, b.get("incidents", incidents+"/3/alerts").status)
	assert.Equal(t, 404, b.get("incidents", incidents+"/1/comments").status)
	assert.Equal(t, 404, b.get("endpoint", alerts+"/a0/alerts").status)
	assert.Equal(t, 400, b.get("incidents", incidents+"/1/alerts", "$expand", "evidence").status)
}

func TestFaultsOfTheExpansion(t *testing.T) {
	b := withIncidents(t)
	status := func(path string, query ...string) int { return b.get("incidents", path, query...).status }
	remove := b.api.Inject(Rule{Source: world.GraphIncidents, Faults: []Fault{ListedExpansionFails("1")}})
	assert.Equal(t, 504, status(incidents, "$expand", "alerts"))
	assert.Equal(t, 200, status(incidents))
	assert.Equal(t, 200, status(incidents+"/1", "$expand", "alerts"))
	assert.Equal(t, 200, status(incidents, "$expand", "alerts", "$filter", "lastUpdateDateTime lt 2026-11-22T12:00:03Z"), "only 2 is on it")
	remove()
	remove = b.api.Inject(Rule{Source: world.GraphIncidents, Faults: []Fault{ExpansionFails("1"), Unreadable("a1")}})
	assert.Equal(t, 504, status(incidents+"/1", "$expand", "alerts"))
	assert.Equal(t, 200, status(incidents+"/1"))
	assert.Equal(t, 200, status(incidents+"/1/alerts", "$top", "1"))
	assert.Equal(t, 504, status(incidents+"/1/alerts", "$top", "1", "$skip", "1"))
	assert.Equal(t, 200, b.get("graph", alertsV2).status, "another source of the same API")
	remove()
	assert.Equal(t, 200, status(incidents, "$expand", "alerts"))
}

func TestXDRIncidents(t *testing.T) {
	b := withIncidents(t)
	list := b.get("xdr", xdrList)
	require.Len(t, list.Value, twoIncidents)
	assert.Equal(t, []string{"a0", "a1", "a3"}, alertsIn(t, list.Value[0]), "alerts come without being asked for")
	for _, query := range [][]string{{"$top", "101"}, {"$expand", "alerts"}, {"$filter", "severity eq 'High'"}, {"$orderby", "createdTime"}} {
		refused := b.get("xdr", xdrList, query...)
		assert.Equal(t, http.StatusBadRequest, refused.status, query)
		assert.Equal(t, "BadRequest", refused.Error.Code)
	}
	assert.Equal(t, 200, b.get("xdr", xdrList, "$filter", "lastUpdateTime ge 2026-11-22T12:00:00Z and status eq 'Active'", "$top", "100").status)
	assert.Equal(t, 401, b.get("endpoint", xdrList).status, "a token for Defender for Endpoint is none for Defender XDR")
	assert.Contains(t, b.get("xdr", xdrList+"/2").text, `"incidentId":2`)
}

func TestXDRSaysInItsTextHowLongToWait(t *testing.T) {
	b := withIncidents(t)
	for range 50 {
		require.Equal(t, 200, b.get("xdr", xdrList, "$top", "1").status)
	}
	b.advance(20 * time.Second)
	refused := b.get("xdr", xdrList, "$top", "1")
	assert.Equal(t, 429, refused.status)
	assert.Empty(t, refused.header.Get("Retry-After"))
	assert.Contains(t, refused.Error.Message, "in 40 seconds")
	assert.Equal(t, 1, b.api.Violations(contoso, XDR))
	assert.Equal(t, 200, b.get("endpoint", alerts).status, "it has a quota of its own")
}

// rows asks the SIEM API and returns the ids of the alerts in the rows.
func (b *bench) rows(query ...string) (ids []string) {
	b.t.Helper()
	got := b.get("siem", "/siem"+detections, query...)
	require.Equal(b.t, 200, got.status, got.text)
	require.True(b.t, strings.HasPrefix(got.text, "["), got.text)
	var all []map[string]any
	require.NoError(b.t, json.Unmarshal([]byte(got.text), &all))
	for _, row := range all {
		ids = append(ids, row["AlertId"].(string))
	}
	return ids
}

func TestSIEMAlertsAreABareArrayOfTheMostRecent(t *testing.T) {
	b := withIncidents(t)
	all := b.rows()
	assert.Equal(t, "a3", all[0], "newest first")
	assert.GreaterOrEqual(t, len(all), 4)
	assert.Equal(t, []string{"a3"}, b.rows("limit", "1"))
	since, until := "2026-11-22T12:00:01Z", "2026-11-22T12:00:02Z"
	assert.Subset(t, []string{"a1", "a2"}, b.rows("sinceTimeUtc", since, "untilTimeUtc", until))
	assert.Contains(t, b.rows("sinceTimeUtc", since, "untilTimeUtc", until), "a1", "bounds are inclusive")
	remove := b.api.Inject(Rule{API: SIEM, Faults: []Fault{ExclusiveBounds()}})
	assert.Empty(t, b.rows("sinceTimeUtc", since, "untilTimeUtc", until))
	remove()
	assert.Equal(t, all, b.rows("ago", "PT10M"))
	assert.Empty(t, b.rows("ago", "PT30S"))
	assert.Equal(t, all, b.rows("machinegroups", "Workstations"))
	assert.Empty(t, b.rows("machinegroups", "Servers"))
	assert.Empty(t, b.rows("CloudCreatedMachineTags", "x"))
	assert.Less(t, len(b.rows("DeviceCreatedMachineTags", "pilot")), len(all))
	b.advance(3 * time.Hour)
	assert.Empty(t, b.rows(), "without bounds it looks back two hours")
	for _, query := range [][]string{{"limit", "0"}, {"limit", "x"}, {"ago", "10 minutes"}, {"ago", "P"}, {"sinceTimeUtc", "yesterday"}} {
		assert.Equal(t, 400, b.get("siem", "/siem"+detections, query...).status, query)
	}
	assert.Equal(t, 401, b.get("endpoint", "/siem"+detections).status)
	assert.Equal(t, 404, b.get("siem", "/siem"+detections+"/a3").status)
}
