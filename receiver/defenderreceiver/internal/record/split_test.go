package record

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
)

const parentUID = "0123456789abcdef0123456789abcdef"

// split parses raw and appends its parts, and returns the bytes that were asked room for as well.
func split(t *testing.T, schema *Schema, raw []byte, opt Options) (plog.LogRecordSlice, []int64) {
	t.Helper()
	logs, sizes := splitLogs(t, schema, raw, "source", opt)
	return logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords(), sizes
}

func splitLogs(t *testing.T, schema *Schema, raw []byte, source string, opt Options) (plog.Logs, []int64) {
	t.Helper()
	var rec Record
	require.NoError(t, schema.Parse(raw, &rec))
	logs := plog.NewLogs()
	resource := logs.ResourceLogs().AppendEmpty()
	SetResource(resource.Resource(), entraauth.Tenant{ID: tenantID, Name: "contoso"})
	lrs := resource.ScopeLogs().AppendEmpty().LogRecords()
	var sizes []int64
	require.NoError(t, schema.AppendParts(&rec, opt, Emission{
		Source: source, UID: parentUID, Observed: time.Date(2026, 11, 22, 14, 30, 0, 0, time.UTC),
	}, 0, func(size int64) (plog.LogRecordSlice, error) {
		sizes = append(sizes, size)
		return lrs, nil
	}))
	return logs, sizes
}

func TestGoldenParts(t *testing.T) {
	for source, schema := range sources() {
		if schema.Splits() == SplitNone {
			continue
		}
		samples, err := filepath.Glob("testdata/" + source + "_*.json")
		require.NoError(t, err)
		for _, sample := range samples {
			name := strings.TrimSuffix(filepath.Base(sample), ".json")
			raw, err := os.ReadFile(sample)
			require.NoError(t, err)
			for variant, opt := range map[string]Options{
				"parts":        {Split: schema.Splits()},
				"parts.parent": {Split: schema.Splits(), SplitParent: true, BodyMap: true},
			} {
				t.Run(name+"/"+variant, func(t *testing.T) {
					logs, _ := splitLogs(t, schema, raw, source+"s", opt)
					compareWithGolden(t, name+"."+variant, logs)
				})
			}
		}
	}
}

const incident = `{"incidentId":7,"lastUpdateTime":"2026-11-22T12:00:00Z","severity":"High","incidentName":"x","alerts":%s,"tags":[ "a" ]}`

func xdr(alerts string) []byte { return fmt.Appendf(nil, incident, alerts) }

func bodies(lrs plog.LogRecordSlice) (all []string) {
	for _, lr := range lrs.All() {
		all = append(all, lr.Body().AsString())
	}
	return all
}

func attribute(lr plog.LogRecord, key string) string {
	v, ok := lr.Attributes().Get(key)
	if !ok {
		return ""
	}
	return v.AsString()
}

func TestPartsHaveTheTextOfTheAPI(t *testing.T) {
	raw := xdr(`[ {"alertId" : "a", "x": 1.0} , {"alertId":"b"}]`)
	lrs, _ := split(t, XDRIncident(), raw, Options{Split: SplitAlerts})
	assert.Equal(t, []string{`{"alertId" : "a", "x": 1.0}`, `{"alertId":"b"}`}, bodies(lrs))
	lrs, _ = split(t, XDRIncident(), raw, Options{Split: SplitAlerts, SplitParent: true})
	assert.Equal(t, []string{
		string(xdr(`{"alertId" : "a", "x": 1.0}`)), string(xdr(`{"alertId":"b"}`)),
	}, bodies(lrs))
	lrs, _ = split(t, XDRIncident(), raw, Options{Split: SplitAlerts, BodyMap: true})
	assert.Equal(t, map[string]any{"alertId": "a", "x": 1.0}, lrs.At(0).Body().Map().AsRaw())
}

// A record of which nothing can be a part is what it would be without a split.
func TestWhatHasNoPartsComesWhole(t *testing.T) {
	for name, raw := range map[string][]byte{
		"empty":           xdr(`[]`),
		"null":            xdr(`null`),
		"an object":       xdr(`{"alertId":"a"}`),
		"a text":          xdr(`"a"`),
		"absent":          []byte(`{"incidentId":7,"lastUpdateTime":"2026-11-22T12:00:00Z"}`),
		"only null":       xdr(`[null]`),
		"only texts":      xdr(`["a","b"]`),
		"only arrays":     xdr(`[[{"alertId":"a"}]]`),
		"the last counts": []byte(`{"incidentId":7,"lastUpdateTime":"2026-11-22T12:00:00Z","alerts":[{"alertId":"a"}],"alerts":[]}`),
		"too many":        xdr("[" + strings.Repeat("{},", MaxParts) + "{}]"),
	} {
		t.Run(name, func(t *testing.T) {
			for _, opt := range []Options{{Split: SplitAlerts}, {Split: SplitAlerts, SplitParent: true}, {Split: SplitEvidence}, {Split: SplitNone}} {
				lrs, sizes := split(t, XDRIncident(), raw, opt)
				require.Equal(t, []string{string(raw)}, bodies(lrs))
				assert.Equal(t, []int64{int64(len(raw))}, sizes)
				assert.Equal(t, parentUID, attribute(lrs.At(0), attrUID))
				assert.Empty(t, attribute(lrs.At(0), attrParentUID))
				assert.Equal(t, "microsoft.defender.incident", lrs.At(0).EventName())
			}
		})
	}
}

func TestRecordsWithoutPartsOfTheirOwnAreNotSplit(t *testing.T) {
	assert.Equal(t, SplitNone, SIEMAlert().Splits())
	raw := sample(t, "siem_alert_full")
	lrs, _ := split(t, SIEMAlert(), raw, Options{Split: SplitAlerts})
	assert.Equal(t, []string{string(raw)}, bodies(lrs))
}

// What cannot be a part is in the whole record, which then comes as well.
func TestWhatCannotBeAPartIsNotLost(t *testing.T) {
	graph := func(alerts string) []byte {
		return fmt.Appendf(nil, `{"id":"7","tenantId":"%s","lastUpdateDateTime":"2026-11-22T12:00:00Z","alerts":%s}`, tenantID, alerts)
	}
	foreign := `{"id":"b","tenantId":"00000000-0000-0000-0000-000000000bad"}`
	for name, tt := range map[string]struct {
		alerts string
		parts  int
		whole  bool
	}{
		"all can be":            {alerts: `[{"id":"a","tenantId":"` + strings.ToUpper(tenantID) + `"},{"id":"b"}]`, parts: 2},
		"null says nothing":     {alerts: `[null,{"id":"a"},null]`, parts: 1},
		"a text among them":     {alerts: `[{"id":"a"},"b",{"id":"c"}]`, parts: 2, whole: true},
		"another tenant's":      {alerts: `[{"id":"a"},` + foreign + `]`, parts: 1, whole: true},
		"only another tenant's": {alerts: `[` + foreign + `]`, whole: true},
	} {
		t.Run(name, func(t *testing.T) {
			raw := graph(tt.alerts)
			lrs, _ := split(t, GraphIncident(), raw, Options{Split: SplitAlerts})
			got := bodies(lrs)
			if tt.whole {
				require.NotEmpty(t, got)
				assert.Equal(t, string(raw), got[len(got)-1])
				assert.Equal(t, parentUID, attribute(lrs.At(len(got)-1), attrUID))
				got = got[:len(got)-1]
			}
			assert.Len(t, got, tt.parts)
		})
	}
}

func TestUIDsOfParts(t *testing.T) {
	uids := func(schema *Schema, raw []byte) (all []string) {
		lrs, _ := split(t, schema, raw, Options{Split: schema.Splits()})
		for _, lr := range lrs.All() {
			assert.Len(t, attribute(lr, attrUID), 32)
			assert.Equal(t, parentUID, attribute(lr, attrParentUID))
			all = append(all, attribute(lr, attrUID))
		}
		return all
	}
	alerts := uids(XDRIncident(), xdr(`[{"alertId":"a"},{"alertId":"b"},{"x":1},{"x":1},{"x":2}]`))
	assertDistinct(t, append(alerts, parentUID))
	again := uids(XDRIncident(), xdr(`[{"x":2},{"x":1},{"alertId":"b","new":true},{"x":1},{"alertId":"a"}]`))
	assert.ElementsMatch(t, alerts, again, "wherever in the array it is")
	assert.Equal(t, alerts[0], again[4])
	assert.Equal(t, alerts[1], again[2])

	evidence := func(list string) []byte { return []byte(endpointAlert(`"evidence":` + list)) }
	first := uids(EndpointAlert(), evidence(`[{"entityType":"Ip"},{"entityType":"Url"},{"entityType":"Ip"}]`))
	assertDistinct(t, append(first, parentUID))
	assert.ElementsMatch(t, first, uids(EndpointAlert(), evidence(`[{"entityType":"Url"},{"entityType":"Ip"},{"entityType":"Ip"}]`)))

	twins := uids(XDRIncident(), xdr(`[{"alertId":"a","x":1},{"alertId":"a","x":2}]`))
	assertDistinct(t, twins)
}

func assertDistinct(t *testing.T, values []string) {
	t.Helper()
	seen := map[string]bool{}
	for _, v := range values {
		assert.False(t, seen[v], "%s comes twice", v)
		seen[v] = true
	}
}

func TestAnAlertWithinAnIncidentIsAnAlert(t *testing.T) {
	lrs, _ := split(t, XDRIncident(), xdr(`[{"alertId":"a","incidentId":8,"lastUpdatedTime":"2026-11-22T12:37:00.5Z","severity":"Low","title":"t"},{"alertId":"b","severity":null}]`),
		Options{Split: SplitAlerts})
	own, poor := lrs.At(0), lrs.At(1)
	assert.Equal(t, "microsoft.defender.alert", own.EventName())
	assert.Equal(t, "a", attribute(own, attrAlertID))
	assert.Equal(t, "7", attribute(own, attrIncidentID), "the incident that it was found in")
	assert.Equal(t, "t", attribute(own, attrTitle))
	assert.Equal(t, "Low", own.SeverityText())
	assert.Equal(t, plog.SeverityNumber(11), own.SeverityNumber())
	assert.Equal(t, time.Date(2026, 11, 22, 12, 37, 0, 5e8, time.UTC), own.Timestamp().AsTime())
	assert.Equal(t, time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), poor.Timestamp().AsTime(), "the incident's, without one of its own")
	assert.Empty(t, poor.SeverityText())
	for _, never := range []string{"0001-01-01T00:00:00Z", "9999-12-31T23:59:59.9999999Z", "soon"} {
		lrs, _ = split(t, XDRIncident(), xdr(`[{"alertId":"a","lastUpdatedTime":"`+never+`"}]`), Options{Split: SplitAlerts})
		assert.Equal(t, poor.Timestamp(), lrs.At(0).Timestamp(), never)
	}
	lrs, _ = split(t, XDRIncident(), xdr(`[{"alertId":"a","lastUpdatedTime":"2026-11-22T12:37:00Z","creationTime":"2026-11-22T11:00:00Z"}]`),
		Options{Split: SplitAlerts, Timestamp: Created})
	assert.Equal(t, 11, lrs.At(0).Timestamp().AsTime().Hour())
}

func TestEvidenceHasTheAttributesOfItsAlert(t *testing.T) {
	for _, name := range []string{"endpoint_alert", "graph_alert"} {
		raw := sample(t, name+"_full")
		whole := appended(t, sources()[name], string(raw), Options{})
		want := whole.Attributes().AsRaw()
		lrs, _ := split(t, sources()[name], raw, Options{Split: SplitEvidence})
		require.Greater(t, lrs.Len(), 1)
		for _, lr := range lrs.All() {
			got := lr.Attributes().AsRaw()
			delete(got, attrParentUID)
			got[attrUID] = want[attrUID]
			assert.Equal(t, want, got)
			assert.Equal(t, whole.Timestamp(), lr.Timestamp())
			assert.Equal(t, whole.SeverityNumber(), lr.SeverityNumber())
			assert.Equal(t, whole.SeverityText(), lr.SeverityText())
			assert.Equal(t, whole.EventName(), lr.EventName())
		}
	}
}

// What is asked for covers what the log records hold, so that whoever counts bytes counts enough.
func TestRoomIsAskedForWhatIsTaken(t *testing.T) {
	long := strings.Repeat("x", 1000)
	for name, tt := range map[string]struct {
		schema *Schema
		raw    []byte
	}{
		"alerts":   {XDRIncident(), xdr(`[{"alertId":"a","title":"` + long + `"},{"alertId":"b"}]`)},
		"evidence": {EndpointAlert(), []byte(endpointAlert(`"title":"` + long + `","evidence":[{"a":1},{"b":2}]`))},
	} {
		for _, parent := range []bool{false, true} {
			lrs, sizes := split(t, tt.schema, tt.raw, Options{Split: tt.schema.Splits(), SplitParent: parent})
			require.Len(t, sizes, lrs.Len(), name)
			for i, lr := range lrs.All() {
				assert.GreaterOrEqual(t, sizes[i], int64(len(lr.Body().Str())), name)
				if name == "evidence" {
					assert.GreaterOrEqual(t, sizes[i], int64(len(lr.Body().Str())+len(long)), "its attributes go with every part")
				}
			}
		}
	}
}

// A record whose parts would be much more than itself comes whole: parts with all of a large record around each of them.
func TestPartsAreNotMoreThanCanBeSent(t *testing.T) {
	large := strings.Repeat("x", 1<<20)
	raw := []byte(`{"incidentId":7,"lastUpdateTime":"2026-11-22T12:00:00Z","incidentName":"` + large + `","alerts":[` +
		strings.Repeat(`{},`, 299) + `{}]}`)
	lrs, _ := split(t, XDRIncident(), raw, Options{Split: SplitAlerts})
	assert.Equal(t, 300, lrs.Len())
	lrs, sizes := split(t, XDRIncident(), raw, Options{Split: SplitAlerts, SplitParent: true})
	assert.Equal(t, 1, lrs.Len())
	assert.Equal(t, []int64{int64(len(raw))}, sizes)

	alert := []byte(endpointAlert(`"title":"` + large + `","evidence":[` + strings.Repeat(`{},`, 299) + `{}]`))
	lrs, _ = split(t, EndpointAlert(), alert, Options{Split: SplitEvidence})
	assert.Equal(t, 1, lrs.Len(), "attributes count as well")
}

func TestNoRoomEndsIt(t *testing.T) {
	full := errors.New("full")
	var rec Record
	for _, alerts := range []string{`[{"alertId":"a"},{"alertId":"b"}]`, `[{"alertId":"a"},1]`, `[]`} {
		require.NoError(t, XDRIncident().Parse(xdr(alerts), &rec))
		lrs, calls := plog.NewLogRecordSlice(), 0
		err := XDRIncident().AppendParts(&rec, Options{Split: SplitAlerts}, Emission{}, 0, func(int64) (plog.LogRecordSlice, error) {
			if calls++; calls == 2 || alerts == `[]` {
				return plog.LogRecordSlice{}, full
			}
			return lrs, nil
		})
		require.ErrorIs(t, err, full)
		assert.Less(t, lrs.Len(), 2)
	}
}

func TestWhatIsSkippedChangesNothingOfTheRest(t *testing.T) {
	const alerts = `[{"alertId":"a"},null,{"alertId":"a"},{"title":"b"},1,{"title":"b"}]`
	parts := func(skip int) (uids []string) {
		var rec Record
		require.NoError(t, XDRIncident().Parse(xdr(alerts), &rec))
		lrs := plog.NewLogRecordSlice()
		require.NoError(t, XDRIncident().AppendParts(&rec, Options{Split: SplitAlerts}, Emission{UID: parentUID}, skip,
			func(int64) (plog.LogRecordSlice, error) { return lrs, nil }))
		for _, lr := range lrs.All() {
			uids = append(uids, lr.Attributes().AsRaw()[attrUID].(string))
		}
		return uids
	}
	all := parts(0)
	require.Len(t, all, 5, "four parts, and the whole for what is none")
	for skip := range all {
		assert.Equal(t, all[skip:], parts(skip))
	}
	assert.Empty(t, parts(5))
}

// FuzzAppendParts asks of every source that the parts of a record that was parsed are those that encoding/json finds, each
// within its record, with each attribute once and a uid of its own.
func FuzzAppendParts(f *testing.F) {
	seed(f)
	f.Add(xdr(`[ {"alertId":"a","evidence":[]} , null,{"alertId":"a"},"x",[{}],{ }]`))
	f.Add([]byte(endpointAlert(`"evidence":[{"entityType":"Ip"},{"entityType":"Ip"}],"evidence":[{"a":"]"},{"a":"\"}"}]`)))
	schemas := sources()
	f.Fuzz(func(t *testing.T, raw []byte) {
		for source, schema := range schemas {
			var rec Record
			if schema.Splits() == SplitNone || schema.Parse(raw, &rec) != nil {
				continue
			}
			for _, parent := range []bool{false, true} {
				lrs := plog.NewLogRecordSlice()
				require.NoError(t, schema.AppendParts(&rec, Options{Split: schema.Splits(), SplitParent: parent},
					Emission{Source: source, UID: parentUID, Observed: time.Unix(0, 0)}, 0, func(size int64) (plog.LogRecordSlice, error) {
						require.Positive(t, size)
						return lrs, nil
					}))
				checkParts(t, schema, raw, lrs, parent)
			}
		}
	})
}

func checkParts(t *testing.T, schema *Schema, raw []byte, lrs plog.LogRecordSlice, parent bool) {
	t.Helper()
	object, ok := decode(raw)
	require.True(t, ok)
	list, _ := object[schema.parts.member].([]any)
	var want []any
	others := false
	for _, element := range list {
		part, ok := element.(map[string]any)
		if !ok {
			others = others || element != nil
			continue
		}
		want = append(want, part)
	}
	uids := map[string]bool{}
	var got []any
	whole := 0
	for _, lr := range lrs.All() {
		uid := attribute(lr, attrUID)
		require.False(t, uids[uid], "a uid comes twice")
		uids[uid] = true
		requireOnce(t, lr.Attributes())
		body, ok := decode([]byte(lr.Body().Str()))
		require.True(t, ok)
		if uid == parentUID {
			require.Equal(t, string(raw), lr.Body().Str())
			whole++
			continue
		}
		require.Equal(t, parentUID, attribute(lr, attrParentUID))
		if !parent {
			got = append(got, body)
			continue
		}
		got = append(got, body[schema.parts.member])
		delete(body, schema.parts.member)
		around := map[string]any{}
		for k, v := range object {
			if k != schema.parts.member {
				around[k] = v
			}
		}
		require.Equal(t, around, body)
	}
	require.LessOrEqual(t, whole, 1)
	if whole == 1 && len(got) < len(want) {
		return // too many, or another tenant's
	}
	require.Equal(t, want, got)
	require.Equal(t, others || len(want) == 0, whole == 1)
}

func requireOnce(t *testing.T, attributes pcommon.Map) {
	t.Helper()
	seen := map[string]bool{}
	for key, value := range attributes.All() {
		require.False(t, seen[key], "%s comes twice", key)
		seen[key] = true
		require.NotEmpty(t, value.AsString(), key)
	}
}
