package world

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func putInto(w *World, incident int64, id string, at time.Time, revision int) {
	w.Put(contoso, Alert{ID: id, Incident: incident, Created: noon, Updated: at, Revision: revision})
}

func decoded(t *testing.T, v *Version) map[string]any {
	t.Helper()
	var record map[string]any
	require.NoError(t, json.Unmarshal(v.JSON(), &record))
	return record
}

func TestIncidentsFollowFromAlerts(t *testing.T) {
	w, c := newWorld()
	putInto(w, 7, "a", noon, 0)
	putInto(w, 7, "b", noon, 0) // on the same tick
	for _, source := range []Source{GraphIncidents, XDRIncidents} {
		assert.Equal(t, []string{"7@2026-11-22T12:00:00.0000001Z"}, ids(w.Ledger(contoso, source)), "nobody saw the first version")
	}
	c.add(time.Minute)
	putInto(w, 7, "a", noon.Add(time.Second), 4)
	assert.Equal(t, []string{"7@2026-11-22T12:00:00.0000001Z", "7@2026-11-22T12:00:01Z"}, ids(w.Ledger(contoso, GraphIncidents)))
	v, ok := w.Get(contoso, GraphIncidents, "7")
	require.True(t, ok)
	assert.Equal(t, noon, v.Created)
	assert.Len(t, decoded(t, v)["alerts"], 2)
	assert.Len(t, v.Alerts(), 2)
	assert.Nil(t, v.Alerts()[0].Alerts(), "an alert has none")
	assert.Equal(t, "resolved", v.Alerts()[0].Property("status"))
	assert.Equal(t, "InProgress", v.Property("status"))
}

func TestAnAlertStaysInItsIncident(t *testing.T) {
	w, c := newWorld()
	putInto(w, 7, "a", noon, 0)
	c.add(time.Minute)
	putInto(w, 0, "a", c.Now(), 1)
	v, _ := w.Get(contoso, XDRIncidents, "7")
	assert.Equal(t, c.Now(), v.Updated)
	alert, _ := w.Get(contoso, EndpointAlerts, "a")
	assert.EqualValues(t, 7, alert.Property("incidentId"))
}

func TestAnAlertOfSomeSourcesShowsInThoseAlone(t *testing.T) {
	w, _ := newWorld()
	w.Put(contoso, Alert{ID: "a", Incident: 1, Sources: []Source{GraphAlerts, XDRIncidents}}, Alert{ID: "r", Raw: "{}"})
	for source, n := range map[Source]int{EndpointAlerts: 1, GraphAlerts: 2, GraphIncidents: 0, XDRIncidents: 1, SIEMAlerts: 0} {
		assert.Len(t, w.Find(contoso, Query{Source: source}), n, source)
	}
}

func TestAMergedIncidentRedirects(t *testing.T) {
	w, c := newWorld()
	putInto(w, 1, "a", noon, 0)
	putInto(w, 2, "b", noon, 0)
	w.Ledger(contoso, GraphIncidents) // somebody looks
	c.add(time.Minute)
	w.Merge(contoso, 1, 2)
	from, _ := w.Get(contoso, GraphIncidents, "1")
	into, _ := w.Get(contoso, GraphIncidents, "2")
	assert.Equal(t, "redirected", decoded(t, from)["status"])
	assert.Equal(t, "2", decoded(t, from)["redirectIncidentId"])
	assert.Empty(t, decoded(t, from)["alerts"])
	require.Len(t, decoded(t, into)["alerts"], 2)
	assert.Equal(t, "2", decoded(t, into)["alerts"].([]any)[1].(map[string]any)["incidentId"])
	xdr, _ := w.Get(contoso, XDRIncidents, "1")
	assert.EqualValues(t, 2, decoded(t, xdr)["redirectIncidentId"])

	c.add(time.Minute)
	putInto(w, 1, "a", c.Now(), 1)
	w.Merge(contoso, 1, 2) // again
	into, _ = w.Get(contoso, GraphIncidents, "2")
	assert.Equal(t, c.Now(), into.Updated, "what is still addressed to the first one goes to the second")
	assert.Len(t, w.Ledger(contoso, GraphIncidents), 5)
}

const (
	graphIncidentMembers = `id tenantId status incidentWebUrl redirectIncidentId displayName createdDateTime lastUpdateDateTime assignedTo
		classification determination severity customTags systemTags description lastModifiedBy resolvingComment summary comments alerts`
	xdrIncidentMembers = `incidentId redirectIncidentId incidentName createdTime lastUpdateTime assignedTo classification determination
		status severity tags comments alerts`
	xdrAlertMembers = `alertId providerAlertId incidentId serviceSource creationTime lastUpdatedTime resolvedTime firstActivity lastActivity
		title description category status severity investigationId investigationState classification determination detectionSource
		detectorId assignedTo actorName threatFamilyName mitreTechniques devices entities`
	detectionMembers = `AlertTime ComputerDnsName AlertTitle Category Severity AlertId Actor LinkToWDATP IocName IocValue CreatorIocName
		CreatorIocValue Sha1 FileName FilePath IpAddress Url IoaDefinitionId UserName AlertPart FullId LastProcessedTimeUtc ThreatCategory
		ThreatFamily ThreatName RemediationAction RemediationIsSuccess Source Md5 Sha256 WasExecutingWhileDetected UserDomain LogOnUsers
		MachineDomain MachineName InternalIPv4List InternalIPv6List FileHash DeviceID MachineGroup Description DeviceCreatedMachineTags
		CloudCreatedMachineTags CommandLine IncidentLinkToWDATP ReportID LinkToMTP IncidentLinkToMTP ExternalId IocUniqueId`
)

func TestIncidentsAreComplete(t *testing.T) {
	graph := records(t, GraphIncidents, Form{Expanded: true, UnknownMembers: true})
	requireMembers(t, graph, graphIncidentMembers)
	requireMembers(t, entries(graph, "alerts"), graphMembers)
	xdr := records(t, XDRIncidents, Form{})
	requireMembers(t, xdr, xdrIncidentMembers)
	alerts := entries(xdr, "alerts")
	requireMembers(t, alerts, xdrAlertMembers)
	requireMembers(t, entries(alerts, "devices"), "mdatpDeviceId aadDeviceId deviceDnsName osPlatform version osBuild healthStatus riskScore")
	requireMembers(t, entries(alerts, "entities"), "entityType")
	for _, of := range []struct {
		records []map[string]any
		names   string
		empty   string
	}{
		{graph, graphIncidentMembers, "redirectIncidentId systemTags description summary resolvingComment"},
		{xdr, xdrIncidentMembers, "redirectIncidentId"},
		{alerts, xdrAlertMembers, ""},
	} {
		values := filled(of.records)
		for name := range strings.FieldsSeq(of.names) {
			assert.True(t, values[name] || strings.Contains(of.empty, name), "%s is always empty", name)
		}
	}
}

// TestEmbeddedAlertsMayBeLaterThanTheirIncident as in Microsoft's own sample.
func TestEmbeddedAlertsMayBeLaterThanTheirIncident(t *testing.T) {
	for _, incident := range records(t, XDRIncidents, Form{}) {
		for _, alert := range entries([]map[string]any{incident}, "alerts") {
			assert.Greater(t, alert["lastUpdatedTime"], incident["lastUpdateTime"])
		}
	}
}

func TestGraphHidesTheStatusThatWasNotAskedFor(t *testing.T) {
	statuses := func(form Form) map[any]bool {
		found := map[any]bool{}
		for _, record := range records(t, GraphIncidents, form) {
			found[record["status"]] = true
		}
		return found
	}
	assert.True(t, statuses(Form{UnknownMembers: true})["awaitingAction"])
	assert.True(t, statuses(Form{})["unknownFutureValue"])
	assert.False(t, statuses(Form{})["awaitingAction"])
}

func TestDetectionsAreRowsOfAlerts(t *testing.T) {
	w, c := newWorld()
	for i := range 20 {
		putInto(w, 1, string(rune('a'+i)), noon, 0)
	}
	rows := w.Find(contoso, Query{Source: SIEMAlerts})
	assert.Greater(t, len(rows), 20, "an alert has several")
	seen := map[string]bool{}
	for _, v := range rows {
		record := decoded(t, v)
		assert.Equal(t, v.ID, record["FullId"])
		assert.Equal(t, record["AlertId"].(string)+":"+record["IocUniqueId"].(string), record["FullId"])
		assert.False(t, seen[v.ID])
		seen[v.ID] = true
		for _, value := range record {
			assert.NotEqual(t, "null", value)
		}
	}
	c.add(time.Minute)
	putInto(w, 1, "a", c.Now(), 4)
	again := w.Find(contoso, Query{SIEMAlerts, c.Now(), c.Now()})
	assert.Greater(t, len(again), 2, "a later version has more")
	w.Delete(contoso, "a")
	assert.Empty(t, w.Find(contoso, Query{SIEMAlerts, c.Now(), c.Now()}))
}

func TestDetectionsAreComplete(t *testing.T) {
	all := records(t, SIEMAlerts, Form{})
	requireMembers(t, all, detectionMembers)
	for _, record := range all {
		assert.Len(t, record, len(strings.Fields(detectionMembers)))
		assert.Empty(t, record["Md5"], "what is missing is an empty string")
	}
}

func TestStepMergesIncidents(t *testing.T) {
	w, c := newWorld()
	for range 300 {
		c.add(time.Second)
		w.Step(Life{New: 0.5, Merge: 0.2})
	}
	redirected := 0
	for _, v := range w.Ledger(contoso, GraphIncidents) {
		if v.Property("status") == "Redirected" {
			redirected++
		}
	}
	assert.Greater(t, redirected, 3)
}
