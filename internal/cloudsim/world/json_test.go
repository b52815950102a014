package world

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// members are those of "Alert resource type" and of the samples that go beyond it.
const endpointMembers = `id incidentId investigationId assignedTo severity status classification determination
	investigationState detectionSource detectorId category threatFamilyName threatName title description
	alertCreationTime firstEventTime lastEventTime lastUpdateTime resolvedTime machineId computerDnsName rbacGroupName
	aadTenantId mitreTechniques relatedUser loggedOnUsers domains comments evidence`

const endpointEvidenceMembers = `entityType evidenceCreationTime sha1 sha256 fileName filePath processId
	processCommandLine processCreationTime parentProcessId parentProcessCreationTime parentProcessFileName
	parentProcessFilePath ipAddress url registryKey registryHive registryValueType registryValue accountName domainName
	userSid aadUserId userPrincipalName detectionStatus registryValueName`

const graphMembers = `id providerAlertId incidentId status severity classification determination serviceSource
	detectionSource productName detectorId alertPolicyId tenantId title description recommendedActions category assignedTo
	alertWebUrl incidentWebUrl actorDisplayName threatDisplayName threatFamilyName mitreTechniques createdDateTime
	lastUpdateDateTime resolvedDateTime firstActivityDateTime lastActivityDateTime investigationState systemTags comments
	evidence additionalData customDetails`

const graphEvidenceMembers = `createdDateTime verdict remediationStatus remediationStatusDetails roles detailedRoles tags`

// records returns generated alerts of every age.
func records(t *testing.T, source Source, form Form) []map[string]any {
	t.Helper()
	w, _ := newWorld()
	for revision := range lastRevision + 2 {
		for range 20 {
			w.Put(contoso, Alert{Revision: revision, Created: noon.Add(-time.Hour)})
		}
	}
	var all []map[string]any
	for _, v := range w.Find(contoso, Query{Source: source}) {
		var record map[string]any
		require.NoError(t, json.Unmarshal(v.AppendJSON(nil, form), &record))
		all = append(all, record)
	}
	return all
}

// filled tells which members are not null, false or empty in at least one record.
func filled(records []map[string]any) map[string]bool {
	found := map[string]bool{}
	for _, record := range records {
		for name, value := range record {
			switch value := value.(type) {
			case nil:
			case []any:
				found[name] = found[name] || len(value) > 0
			default:
				found[name] = true
			}
		}
	}
	return found
}

func requireMembers(t *testing.T, records []map[string]any, names string) {
	t.Helper()
	for _, record := range records {
		for name := range strings.FieldsSeq(names) {
			require.Contains(t, record, name)
		}
	}
}

func entries(records []map[string]any, member string) []map[string]any {
	var all []map[string]any
	for _, record := range records {
		for _, entry := range record[member].([]any) {
			all = append(all, entry.(map[string]any))
		}
	}
	return all
}

func TestEndpointAlertsAreComplete(t *testing.T) {
	all := records(t, EndpointAlerts, Form{Expanded: true})
	requireMembers(t, all, endpointMembers)
	requireMembers(t, entries(all, "evidence"), endpointEvidenceMembers)
	requireMembers(t, entries(all, "comments"), "comment createdBy createdTime")
	requireMembers(t, entries(all, "loggedOnUsers"), "accountName domainName")
	values := filled(all)
	for name := range strings.FieldsSeq(endpointMembers) {
		assert.True(t, values[name] || name == "domains", "%s is always empty", name)
	}
	values = filled(entries(all, "evidence"))
	for name := range strings.FieldsSeq(endpointEvidenceMembers) {
		assert.True(t, values[name], "%s is always empty", name)
	}
}

func TestEndpointEvidenceOnlyWhenExpanded(t *testing.T) {
	assert.Empty(t, entries(records(t, EndpointAlerts, Form{}), "evidence"))
	assert.NotEmpty(t, entries(records(t, EndpointAlerts, Form{Expanded: true}), "evidence"))
	assert.NotEmpty(t, entries(records(t, GraphAlerts, Form{}), "evidence"), "Graph always includes it")
}

func TestEndpointRecordHasARealisticSize(t *testing.T) {
	w, _ := newWorld()
	w.Generate(contoso, 500, noon.Add(-time.Hour), noon)
	total := 0
	for _, v := range w.Find(contoso, Query{Source: EndpointAlerts}) {
		total += len(v.JSON())
	}
	assert.InDelta(t, 3600, total/500, 500)
}

func TestGraphAlertsAreComplete(t *testing.T) {
	all := records(t, GraphAlerts, Form{UnknownMembers: true})
	requireMembers(t, all, graphMembers)
	requireMembers(t, entries(all, "evidence"), graphEvidenceMembers+" @odata.type")
	requireMembers(t, entries(all, "comments"), "comment createdByDisplayName createdDateTime")
	values := filled(all)
	for name := range strings.FieldsSeq(graphMembers) {
		assert.True(t, values[name] || name == "alertPolicyId" || name == "systemTags", "%s is always empty", name)
	}
	types := map[string]bool{}
	for _, entry := range entries(all, "evidence") {
		types[strings.TrimPrefix(entry["@odata.type"].(string), "#microsoft.graph.security.")] = true
	}
	for _, name := range []string{"deviceEvidence", "userEvidence", "processEvidence", "fileEvidence", "ipEvidence", "urlEvidence", "registryValueEvidence"} {
		assert.True(t, types[name], name)
	}
}

func TestGraphHidesMembersThatWereNotAskedFor(t *testing.T) {
	sources := func(form Form) map[string]bool {
		found := map[string]bool{}
		for _, record := range records(t, GraphAlerts, form) {
			found[record["serviceSource"].(string)] = true
		}
		return found
	}
	asked, hidden := sources(Form{UnknownMembers: true}), sources(Form{})
	assert.True(t, asked["microsoftSentinel"])
	assert.False(t, asked["unknownFutureValue"])
	assert.True(t, hidden["unknownFutureValue"])
	assert.False(t, hidden["microsoftSentinel"])
	assert.True(t, hidden[forEndpoint])
}

func TestTimesAreTrimmedAndPreciseToATick(t *testing.T) {
	for nanos, want := range map[int]string{
		123456700: "2026-11-22T12:00:00.1234567Z",
		500000000: "2026-11-22T12:00:00.5Z",
		0:         "2026-11-22T12:00:00Z",
		100:       "2026-11-22T12:00:00.0000001Z",
		99:        "2026-11-22T12:00:00Z",
	} {
		w, _ := newWorld()
		w.Put(contoso, Alert{ID: "a", Updated: noon.Add(time.Duration(nanos))})
		c := w.tenant(contoso)
		c.advance(noon.Add(time.Second))
		v, ok := w.Get(contoso, EndpointAlerts, "a")
		require.True(t, ok)
		assert.Equal(t, want, v.UpdatedText())
		assert.Contains(t, string(v.JSON()), `"lastUpdateTime":"`+want+`"`)
	}
}

func TestTextIsEscaped(t *testing.T) {
	const title = "quote \" backslash \\ line\nbell \a tab \t ünï 🛡"
	w, _ := newWorld()
	w.Put(contoso, Alert{ID: "a", Title: title})
	for _, source := range []Source{EndpointAlerts, GraphAlerts} {
		v, _ := w.Get(contoso, source, "a")
		var record map[string]any
		require.NoError(t, json.Unmarshal(v.JSON(), &record))
		assert.Equal(t, title, record["title"])
	}
}

// TestPropertiesAgreeWithTheText: what is filtered on is what is shown.
func TestPropertiesAgreeWithTheText(t *testing.T) {
	names := map[Source]string{
		EndpointAlerts: "alertCreationTime lastUpdateTime incidentId id assignedTo detectionSource lastEventTime status severity category",
		GraphAlerts:    "assignedTo classification determination createdDateTime lastUpdateDateTime severity serviceSource status",
	}
	w, _ := newWorld()
	for revision := range lastRevision + 1 {
		w.Put(contoso, Alert{Revision: revision})
	}
	for source, properties := range names {
		for _, v := range w.Find(contoso, Query{Source: source}) {
			var record map[string]any
			require.NoError(t, json.Unmarshal(v.JSON(), &record))
			for name := range strings.FieldsSeq(properties) {
				switch got := v.Property(name).(type) {
				case time.Time:
					assert.Equal(t, record[name], TimeText(got), name)
				case int64:
					assert.EqualValues(t, record[name], got, name)
				case string:
					shown, _ := record[name].(string)
					assert.Equal(t, shown, got, name)
				default:
					t.Errorf("%s has no value", name)
				}
			}
		}
	}
}
