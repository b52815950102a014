package record

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/outline"
)

func instant(t *testing.T, text string) odata.Instant {
	t.Helper()
	i, err := odata.ParseInstant(text)
	require.NoError(t, err)
	return i
}

func sample(tb testing.TB, name string) []byte {
	tb.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	require.NoError(tb, err)
	return raw
}

func TestParse(t *testing.T) {
	for name, want := range map[string]Record{
		"endpoint_alert_full": {
			ID: "da638993910234567890_-1364969609", TenantID: tenantID,
			Updated: instant(t, "2026-11-22T13:50:04.7657932Z"), Created: instant(t, "2026-11-22T13:45:01.1234567Z"),
		},
		"endpoint_alert_minimal": {ID: "da1_1", TenantID: tenantID, Updated: instant(t, "2026-11-22T13:50:04Z")},
		"endpoint_alert_nulls":   {ID: "da2_-2", Updated: instant(t, "2026-11-22T13:50:04.1Z")},
		"endpoint_alert_unicode": {ID: "da3_3", Updated: instant(t, "2026-11-22T13:50:04.1234567Z")},
		"endpoint_alert_unknown": {
			ID: "9223372036854775807", TenantID: tenantID,
			Updated: instant(t, "2026-11-22T13:50:04.7657932Z"), Created: instant(t, "0001-01-01T00:00:00Z"),
		},
		"graph_alert_full": {
			ID: "da638993910234567890_-1364969609", TenantID: tenantID,
			Updated: instant(t, "2026-11-22T13:50:04.7657932Z"), Created: instant(t, "2026-11-22T13:45:01.1234567Z"),
		},
		"graph_incident_full": {
			ID: "2972395", TenantID: tenantID,
			Updated: instant(t, "2026-11-22T13:51:00.1234567Z"), Created: instant(t, "2026-11-22T13:46:00.33Z"),
		},
		"xdr_incident_full": {
			ID:      "924565",
			Updated: instant(t, "2026-11-22T13:51:00.1234567Z"), Created: instant(t, "2026-11-22T13:46:00.33Z"),
		},
		"siem_alert_full": {
			ID:      "636210704265059241_673569822:R4xEdgAvDb2LQl3BgHoA3NYqKmRSiIAG7dpxAJCYZhY=",
			Updated: instant(t, "2026-11-22T13:50:04.7657932Z"), Created: instant(t, "2026-11-22T13:44:59.6133333Z"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got Record
			source := name[:strings.LastIndexByte(name, '_')]
			require.NoError(t, sources()[source].Parse(sample(t, name), &got))
			assert.Equal(t, want.ID, got.ID)
			assert.Equal(t, want.TenantID, got.TenantID)
			assert.Equal(t, want.Updated, got.Updated)
			assert.Equal(t, want.Created, got.Created)
		})
	}
}

func TestParseTellsWhyARecordIsUnusable(t *testing.T) {
	const updated = `"lastUpdateTime":"2026-11-22T13:50:04Z"`
	nested := func(depth int) string {
		return `{"id":"deep",` + updated + `,"x":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + `}`
	}
	for name, tt := range map[string]struct {
		raw, reason, id string
	}{
		"nothing":                      {raw: ``, reason: ReasonNotAnObject},
		"null":                         {raw: `null`, reason: ReasonNotAnObject},
		"a number":                     {raw: `17`, reason: ReasonNotAnObject},
		"a string":                     {raw: `"{\"id\":1}"`, reason: ReasonNotAnObject},
		"an array":                     {raw: `[{"id":"a"}]`, reason: ReasonNotAnObject},
		"a literal that is none":       {raw: `nul`, reason: ReasonNotAnObject},
		"a value missing":              {raw: `{"id":"a",` + updated + `,"x":}`, reason: ReasonInvalidJSON, id: "a"},
		"a string in single quotes":    {raw: `{"id":"a",'x':1}`, reason: ReasonInvalidJSON, id: "a"},
		"a control character":          {raw: "{\"id\":\"a\n\"," + updated + "}", reason: ReasonInvalidJSON, id: "a\n"},
		"an escape that is none":       {raw: `{"id":"b","x":"\q",` + updated + `}`, reason: ReasonInvalidJSON, id: "b"},
		"a number that is none":        {raw: `{"id":"b","x":01,` + updated + `}`, reason: ReasonInvalidJSON, id: "b"},
		"an escape of other digits":    {raw: "{\"id\":\"b\",\"x\":\"\\u00\x1041\"," + updated + `}`, reason: ReasonInvalidJSON, id: "b"},
		"an escaped name":              {raw: `{"\u0069d":"b","x":,` + updated + `}`, reason: ReasonInvalidJSON, id: "b"},
		"the last of several ids":      {raw: `{"id":"a","id":"b","x":,` + updated + `}`, reason: ReasonInvalidJSON, id: "b"},
		"something after it":           {raw: `{"id":"b",` + updated + `} {}`, reason: ReasonInvalidJSON, id: "b"},
		"cut off in the id":            {raw: `{` + updated + `,"id":"abc`, reason: ReasonInvalidJSON},
		"cut off after the id":         {raw: `{` + updated + `,"id":"abc"`, reason: ReasonInvalidJSON},
		"an open quote":                {raw: `{"`, reason: ReasonInvalidJSON},
		"an open bracket":              {raw: `{`, reason: ReasonInvalidJSON},
		"no id":                        {raw: `{` + updated + `}`, reason: ReasonNoID},
		"id null":                      {raw: `{"id":null,` + updated + `}`, reason: ReasonNoID},
		"id empty":                     {raw: `{"id":"",` + updated + `}`, reason: ReasonNoID},
		"id the word null":             {raw: `{"id":"null",` + updated + `}`, reason: ReasonNoID},
		"id an object":                 {raw: `{"id":{"a":1},` + updated + `}`, reason: ReasonNoID},
		"id true":                      {raw: `{"id":true,` + updated + `}`, reason: ReasonNoID},
		"id of other case":             {raw: `{"ID":"a",` + updated + `}`, reason: ReasonNoID},
		"the last id counts":           {raw: `{"id":"a","id":null,` + updated + `}`, reason: ReasonNoID},
		"no time":                      {raw: `{"id":"a"}`, reason: ReasonNoUpdateTime, id: "a"},
		"time null":                    {raw: `{"id":"a","lastUpdateTime":null}`, reason: ReasonNoUpdateTime, id: "a"},
		"time a number":                {raw: `{"id":"a","lastUpdateTime":1795355404}`, reason: ReasonNoUpdateTime, id: "a"},
		"time unreadable":              {raw: `{"id":"a","lastUpdateTime":"2026-02-30T00:00:00Z"}`, reason: ReasonNoUpdateTime, id: "a"},
		"the last time counts":         {raw: `{"id":"a",` + updated + `,"lastUpdateTime":"x"}`, reason: ReasonNoUpdateTime, id: "a"},
		"one level too deep":           {raw: nested(DefaultMaxDepth + 1), reason: ReasonTooDeep, id: "deep"},
		"100,000 deep":                 {raw: nested(100_000), reason: ReasonTooDeep, id: "deep"},
		"deep and never closed":        {raw: `{"id":"deep","x":` + strings.Repeat(`{"a":[`, 100_000), reason: ReasonTooDeep, id: "deep"},
		"brackets in text do not nest": {raw: `{"id":"a","x":"` + strings.Repeat("[", 1000) + `"}`, reason: ReasonNoUpdateTime, id: "a"},
	} {
		t.Run(name, func(t *testing.T) {
			var unusable *UnusableError
			require.ErrorAs(t, EndpointAlert().Parse([]byte(tt.raw), new(Record)), &unusable)
			assert.Equal(t, tt.reason, unusable.Reason)
			assert.Equal(t, tt.id, unusable.ID)
			assert.Contains(t, unusable.Error(), tt.reason)
			assert.Less(t, len(unusable.Error()), 500)
			var o outline.Outline
			if o.Read([]byte(tt.raw)) == nil && o.End == len(tt.raw) {
				assert.Equal(t, unusable, EndpointAlert().ParseOutlined([]byte(tt.raw), &o, new(Record)))
			}
		})
	}
	assert.NoError(t, EndpointAlert().Parse([]byte(nested(DefaultMaxDepth)), new(Record)))
}

func TestParseTakesTheLastOfSeveral(t *testing.T) {
	var rec Record
	raw := `{"id":"first","lastUpdateTime":"2026-11-22T13:50:04Z","id":"second","lastUpdateT\u0069me":"2026-11-22T13:50:05Z"}`
	require.NoError(t, EndpointAlert().Parse([]byte(raw), &rec))
	assert.Equal(t, "second", rec.ID)
	assert.Equal(t, instant(t, "2026-11-22T13:50:05Z"), rec.Updated)
}

func TestARecordUsedAgainForgets(t *testing.T) {
	var rec Record
	require.NoError(t, EndpointAlert().Parse(sample(t, "endpoint_alert_full"), &rec))
	require.NoError(t, EndpointAlert().Parse([]byte(`{"id":7,"lastUpdateTime":"2026-11-22T13:50:04"}`), &rec))
	assert.Equal(t, "7", rec.ID)
	assert.Empty(t, rec.TenantID)
	assert.Zero(t, rec.Created)
	for _, unusable := range []string{`{}`, `{"id":`} {
		require.NoError(t, EndpointAlert().Parse(sample(t, "endpoint_alert_full"), &rec))
		require.Error(t, EndpointAlert().Parse([]byte(unusable), &rec))
		assert.Empty(t, rec.ID)
		assert.Zero(t, rec.Updated)
	}
}

func TestTheIDOutlivesTheText(t *testing.T) {
	raw := sample(t, "endpoint_alert_full")
	var rec Record
	require.NoError(t, EndpointAlert().Parse(raw, &rec))
	clear(raw)
	assert.Equal(t, "da638993910234567890_-1364969609", rec.ID)
	assert.Equal(t, tenantID, rec.TenantID)
}

func TestIDOfAPart(t *testing.T) {
	schema := EndpointAlert()
	raw := sample(t, "endpoint_alert_full")
	assert.Equal(t, "da638993910234567890_-1364969609", schema.ID(raw[:100]))
	whole := `{"a":[1,{"b":"}"}],"id":"abc\"d","x":1}`
	for end := range len(whole) {
		if got := schema.ID([]byte(whole[:end])); got != "" {
			assert.Equal(t, `abc"d`, got, "a part of the id must not pass for it")
		}
	}
	assert.Empty(t, schema.ID(nil))
	assert.Empty(t, schema.ID([]byte(`{"id":12`)))
}

func TestUID(t *testing.T) {
	at := odata.FromTime(time.Date(2026, 11, 22, 13, 50, 4, 100, time.UTC))
	assert.Equal(t, "dde1c25baa85925a7e1ac4caf1c13ed4", UID(tenantID, "graph_alerts", "da1", at), "it must never change: it is compared across runs")
	seen := map[string]string{}
	for _, tenant := range []string{"", "a", "ab", tenantID} {
		for _, source := range []string{"", "b", "bc", "graph_alerts"} {
			for _, id := range []string{"", "c", "bc", "abc"} {
				for _, version := range []odata.Instant{0, 1, at, at + 1} {
					uid := UID(tenant, source, id, version)
					key := fmt.Sprintf("%q %q %q %d", tenant, source, id, version)
					assert.Regexp(t, "^[0-9a-f]{32}$", uid)
					assert.Empty(t, seen[uid], key)
					seen[uid] = key
				}
			}
		}
	}
}
