package record

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/outline"
)

// appended parses raw and appends it.
func appended(t *testing.T, schema *Schema, raw string, opt Options) plog.LogRecord {
	t.Helper()
	return first(build(t, schema, []byte(raw), "source", opt))
}

// endpointAlert is an alert with some more members.
func endpointAlert(members string) string {
	return `{"id":"a","lastUpdateTime":"2026-11-22T13:50:04.0000001Z",` + members + `}`
}

func TestTimestamp(t *testing.T) {
	at := func(text string) pcommon.Timestamp { return pcommon.Timestamp(uint64(instant(t, text)) * 100) }
	updated := at("2026-11-22T13:50:04.0000001Z")
	for name, tt := range map[string]struct {
		schema    *Schema
		members   string
		timestamp Timestamp
		want      pcommon.Timestamp
	}{
		"unset":                  {members: `"x":1`, want: updated},
		"updated":                {members: `"alertCreationTime":"2026-11-21T00:00:00Z"`, timestamp: Updated, want: updated},
		"created":                {members: `"alertCreationTime":"2026-11-21T00:00:00.1234567Z"`, timestamp: Created, want: at("2026-11-21T00:00:00.1234567Z")},
		"last activity":          {members: `"lastEventTime":"2026-11-20T00:00:00.1234567Z"`, timestamp: LastActivity, want: at("2026-11-20T00:00:00.1234567Z")},
		"created absent":         {members: `"x":1`, timestamp: Created, want: updated},
		"created null":           {members: `"alertCreationTime":null`, timestamp: Created, want: updated},
		"created unreadable":     {members: `"alertCreationTime":"soon"`, timestamp: Created, want: updated},
		"created the least time": {members: `"alertCreationTime":"0001-01-01T00:00:00Z"`, timestamp: Created, want: updated},
		"activity absent":        {members: `"x":1`, timestamp: LastActivity, want: updated},
		"activity unreadable":    {members: `"lastEventTime":17`, timestamp: LastActivity, want: updated},
		"activity the greatest":  {members: `"lastEventTime":"9999-12-31T23:59:59.9999999Z"`, timestamp: LastActivity, want: updated},
		"updated out of range":   {members: `"lastUpdateTime":"1969-12-31T23:59:59Z"`, want: 0},
		"the year 2500":          {members: `"lastUpdateTime":"2500-01-01T00:00:00.0000001Z"`, want: 16725225600000000100},
	} {
		t.Run(name, func(t *testing.T) {
			lr := appended(t, EndpointAlert(), endpointAlert(tt.members), Options{Timestamp: tt.timestamp})
			assert.Equal(t, tt.want, lr.Timestamp())
		})
	}
	for _, source := range []string{"graph_incident", "xdr_incident", "siem_alert"} {
		raw := string(sample(t, source+"_full"))
		last := appended(t, sources()[source], raw, Options{Timestamp: LastActivity})
		assert.Equal(t, appended(t, sources()[source], raw, Options{}).Timestamp(), last.Timestamp(), source)
		created := appended(t, sources()[source], raw, Options{Timestamp: Created})
		assert.Less(t, created.Timestamp(), last.Timestamp(), source)
	}
}

func TestTimestampsOfSamples(t *testing.T) {
	for source, schema := range map[string]*Schema{"endpoint_alert": EndpointAlert(), "graph_alert": GraphAlert()} {
		for timestamp, want := range map[Timestamp]string{
			Updated: "2026-11-22T13:50:04.7657932Z", Created: "2026-11-22T13:45:01.1234567Z", LastActivity: "2026-11-22T13:44:59.6133333Z",
		} {
			lr := appended(t, schema, string(sample(t, source+"_full")), Options{Timestamp: timestamp})
			assert.Equal(t, want, lr.Timestamp().AsTime().Format(time.RFC3339Nano), "%s %s", source, timestamp)
		}
	}
}

func TestSeverity(t *testing.T) {
	for text, want := range map[string]plog.SeverityNumber{
		"informational": 9, "Informational": 9, "low": 11, "Low": 11, "medium": 13, "MEDIUM": 13, "high": 17, "High": 17,
		"UnSpecified": 0, "unknown": 0, "unknownFutureValue": 0, "critical": 0, "higher": 0,
	} {
		lr := appended(t, EndpointAlert(), endpointAlert(fmt.Sprintf(`"severity":%q`, text)), Options{})
		assert.Equal(t, want, lr.SeverityNumber(), text)
		assert.Equal(t, text, lr.SeverityText())
	}
	for _, none := range []string{`null`, `""`, `"null"`, `3`, `["High"]`} {
		lr := appended(t, EndpointAlert(), endpointAlert(`"severity":`+none), Options{})
		assert.Zero(t, lr.SeverityNumber(), none)
		assert.Empty(t, lr.SeverityText(), none)
	}
}

// TestAttributesOfAnyShape gives each attribute of the endpoint's alerts members of every type.
func TestAttributesOfAnyShape(t *testing.T) {
	long := strings.Repeat("é", 100_000)
	for name, tt := range map[string]struct {
		members   string
		attribute string
		want      any
	}{
		"text":                   {`"title":"T"`, attrTitle, "T"},
		"text escaped":           {`"title":"\u0054\n\ud83d\ude80"`, attrTitle, "T\n🚀"},
		"text after backslashes": {`"x":"C:\\","y":"\\\"","title":"\\\\"`, attrTitle, `\\`},
		"text not UTF-8":         {"\"title\":\"a\xff\"", attrTitle, "a\ufffd"},
		"text very long":         {`"title":"` + long + `"`, attrTitle, long},
		"text with space":        {`"title":" "`, attrTitle, " "},
		"text null":              {`"title":null`, attrTitle, nil},
		"text empty":             {`"title":""`, attrTitle, nil},
		"text the word":          {`"title":"null"`, attrTitle, nil},
		"text the word escaped":  {`"title":"\u006eull"`, attrTitle, nil},
		"text another word":      {`"title":"Null"`, attrTitle, "Null"},
		"text a number":          {`"title":5`, attrTitle, nil},
		"text true":              {`"title":true`, attrTitle, nil},
		"text an object":         {`"title":{"a":"b"}`, attrTitle, nil},
		"text twice":             {`"title":"a","title":"b"`, attrTitle, "b"},
		"text twice, then null":  {`"title":"a","title":null`, attrTitle, nil},
		"id a number":            {`"incidentId":9007199254740993`, attrIncidentID, "9007199254740993"},
		"id a large number":      {`"incidentId":123456789012345678901234567890`, attrIncidentID, "123456789012345678901234567890"},
		"id negative":            {`"incidentId":-1`, attrIncidentID, "-1"},
		"id text":                {`"incidentId":"17"`, attrIncidentID, "17"},
		"id null":                {`"incidentId":null`, attrIncidentID, nil},
		"id an array":            {`"incidentId":[1]`, attrIncidentID, nil},
		"techniques":             {`"mitreTechniques":["T1","T\u0032"]`, attrTechniques, []any{"T1", "T2"}},
		"techniques mixed":       {`"mitreTechniques":[null,"","T1",5,"null",["T2"],{}]`, attrTechniques, []any{"T1"}},
		"techniques empty":       {`"mitreTechniques":[]`, attrTechniques, nil},
		"techniques all null":    {`"mitreTechniques":[null]`, attrTechniques, nil},
		"techniques one text":    {`"mitreTechniques":"T1"`, attrTechniques, []any{"T1"}},
		"techniques a number":    {`"mitreTechniques":1`, attrTechniques, nil},
		"evidence":               {`"evidence":[{},null,[1,2]]`, attrEvidenceCount, int64(3)},
		"evidence empty":         {`"evidence":[ ]`, attrEvidenceCount, int64(0)},
		"evidence null":          {`"evidence":null`, attrEvidenceCount, nil},
		"evidence absent":        {`"x":1`, attrEvidenceCount, nil},
		"evidence an object":     {`"evidence":{"a":[1]}`, attrEvidenceCount, nil},
		"user":                   {`"relatedUser":{"domainName":"D","userName":"jane"}`, attrUserName, "jane"},
		"user twice":             {`"relatedUser":{"userName":"jane","userName":"joe"}`, attrUserName, "joe"},
		"user null":              {`"relatedUser":null`, attrUserName, nil},
		"user's name null":       {`"relatedUser":{"userName":null}`, attrUserName, nil},
		"user a string":          {`"relatedUser":"jane"`, attrUserName, nil},
	} {
		t.Run(name, func(t *testing.T) {
			lr := appended(t, EndpointAlert(), endpointAlert(tt.members), Options{})
			got, present := lr.Attributes().Get(tt.attribute)
			require.Equal(t, tt.want != nil, present)
			if present {
				assert.Equal(t, tt.want, got.AsRaw())
			}
		})
	}
}

func TestHostAndUserOfGraphAlerts(t *testing.T) {
	const device, user = `"@odata.type":"#microsoft.graph.security.deviceEvidence"`, `"@odata.type":"#microsoft.graph.security.userEvidence"`
	for name, tt := range map[string]struct {
		evidence, host, hostID, user string
	}{
		"first device":          {`[{` + device + `,"deviceDnsName":"a","mdeDeviceId":"1"},{` + device + `,"deviceDnsName":"b","mdeDeviceId":"2"}]`, "a", "1", ""},
		"only the first counts": {`[{` + device + `},{` + device + `,"deviceDnsName":"b","mdeDeviceId":"2"}]`, "", "", ""},
		"type at the end":       {`[{"deviceDnsName":"a",` + device + `}]`, "a", "", ""},
		"type escaped":          {`[{"@odata.typ\u0065":"#microsoft.graph.security.deviceEvidenc\u0065","deviceDnsName":"a"}]`, "a", "", ""},
		"other types":           {`[{"@odata.type":"#microsoft.graph.security.ipEvidence","deviceDnsName":"a"},{"deviceDnsName":"b"},"x",null]`, "", "", ""},
		"account name":          {`[{` + user + `,"userAccount":{"displayName":"D","userPrincipalName":"P","accountName":"A"}}]`, "", "", "A"},
		"principal name":        {`[{` + user + `,"userAccount":{"displayName":"D","userPrincipalName":"P","accountName":""}}]`, "", "", "P"},
		"display name":          {`[{` + user + `,"userAccount":{"displayName":"D","userPrincipalName":"null","accountName":null}}]`, "", "", "D"},
		"no account":            {`[{` + user + `,"accountName":"A"}]`, "", "", ""},
		"nested is not found":   {`[{"@odata.type":"#x","pod":{` + device + `,"deviceDnsName":"a"}}]`, "", "", ""},
		"an object":             {`{` + device + `,"deviceDnsName":"a"}`, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			raw := `{"id":"a","lastUpdateDateTime":"2026-11-22T13:50:04Z","evidence":` + tt.evidence + `}`
			requireHostAndUser(t, appended(t, GraphAlert(), raw, Options{}), tt.host, tt.hostID, tt.user)
		})
	}
}

func requireHostAndUser(t *testing.T, lr plog.LogRecord, host, hostID, user string) {
	t.Helper()
	for attribute, want := range map[string]string{attrHostName: host, attrHostID: hostID, attrUserName: user} {
		got, present := lr.Attributes().Get(attribute)
		require.Equal(t, want != "", present, attribute)
		if present {
			assert.Equal(t, want, got.Str(), attribute)
		}
	}
}

func TestHostAndUserOfIncidents(t *testing.T) {
	xdr := `{"incidentId":1,"lastUpdateTime":"2026-11-22T13:50:04Z","alerts":[{"devices":[],"entities":[{"entityType":"Ip"}]},null,` +
		`{"devices":[{"mdatpDeviceId":"1"}],"entities":[{"entityType":"User","accountName":null,"userPrincipalName":"p"}]},` +
		`{"devices":[{"mdatpDeviceId":"2","deviceDnsName":"b"}],"entities":[{"entityType":"User","accountName":"c"}]}]}`
	requireHostAndUser(t, appended(t, XDRIncident(), xdr, Options{}), "", "1", "p")
	without := `{"incidentId":1,"lastUpdateTime":"2026-11-22T13:50:04Z","alerts":[{"devices":[{"mdatpDeviceId":null}],"entities":[{"entityType":"User"}]},` +
		`{"devices":[{"deviceDnsName":"a"}],"entities":[{"entityType":"User","accountName":"u"}]}]}`
	requireHostAndUser(t, appended(t, XDRIncident(), without, Options{}), "a", "", "u")
	graph := `{"id":"1","lastUpdateDateTime":"2026-11-22T13:50:04Z","alerts":[{},{"evidence":[{"@odata.type":"#microsoft.graph.security.userEvidence",` +
		`"userAccount":{"accountName":"u"}}]},{"evidence":[{"@odata.type":"#microsoft.graph.security.deviceEvidence","deviceDnsName":"h","mdeDeviceId":"i"}]}]}`
	requireHostAndUser(t, appended(t, GraphIncident(), graph, Options{}), "h", "i", "u")
}

func TestChangeAndSource(t *testing.T) {
	raw := endpointAlert(`"x":1`)
	for opt, want := range map[Options]string{{}: "created", {BodyMap: true}: "updated"} { // build ties the two together
		lr := appended(t, EndpointAlert(), raw, opt)
		change, _ := lr.Attributes().Get(attrChange)
		assert.Equal(t, want, change.Str())
		source, _ := lr.Attributes().Get(attrSource)
		assert.Equal(t, "source", source.Str())
	}
}

func TestTheLogRecordOutlivesTheText(t *testing.T) {
	for _, opt := range []Options{{}, {BodyMap: true}} {
		raw := sample(t, "graph_alert_full")
		var rec Record
		require.NoError(t, GraphAlert().Parse(raw, &rec))
		one, other := plog.NewLogRecordSlice(), plog.NewLogRecordSlice()
		GraphAlert().AppendTo(one, &rec, opt, Emission{})
		GraphAlert().AppendTo(other, &rec, opt, Emission{})
		clear(raw)
		assert.Equal(t, other.At(0).Attributes().AsRaw(), one.At(0).Attributes().AsRaw())
		title, _ := one.At(0).Attributes().Get(attrTitle)
		assert.Equal(t, "Suspicious use of a signed binary", title.Str())
		assert.NotContains(t, one.At(0).Body().AsString(), "\x00")
	}
}

func TestTheRawBodyIsTheTextByteForByte(t *testing.T) {
	for source, schema := range sources() {
		raw := sample(t, source+"_full")
		assert.Equal(t, string(raw), appended(t, schema, string(raw), Options{}).Body().Str())
	}
	odd := "{ \"id\":1e0 ,\t\"lastUpdateTime\":\"2026-11-22T13:50:04Z\",\"x\":\"\xff\\u0041\",\"x\":2}"
	assert.Equal(t, odd, appended(t, EndpointAlert(), odd, Options{}).Body().Str())
}

func TestTheMapBody(t *testing.T) {
	lr := appended(t, EndpointAlert(), endpointAlert(`"a":{"n":[1,-2.5,1e400,18446744073709551616,true,null,"null",""],"":{}},"a b":"\u00e9","x":1,"x":{"y":2}`), Options{BodyMap: true})
	infinite := lr.Body().Map()
	list, _ := infinite.Get("a")
	numbers, _ := list.Map().Get("n")
	assert.Equal(t, "+Inf", fmt.Sprint(numbers.Slice().At(2).Double()))
	numbers.Slice().At(2).SetDouble(0)
	assert.Equal(t, 5, lr.Body().Map().Len(), "a name must not come twice")
	assert.Equal(t, map[string]any{
		"id": "a", "lastUpdateTime": "2026-11-22T13:50:04.0000001Z", "a b": "é", "x": map[string]any{"y": int64(2)},
		"a": map[string]any{"n": []any{int64(1), -2.5, 0.0, 18446744073709551616.0, true, nil, "null", ""}, "": map[string]any{}},
	}, lr.Body().Map().AsRaw())
}

func TestManyMembersTakeLinearTime(t *testing.T) {
	var b bytes.Buffer
	const members = 200_000
	for i := range members {
		fmt.Fprintf(&b, `"m%d":%d,`, i%(members/2), i)
	}
	start := time.Now()
	lr := appended(t, EndpointAlert(), endpointAlert(b.String()+`"z":0`), Options{BodyMap: true})
	assert.Less(t, time.Since(start), 10*time.Second)
	assert.Equal(t, members/2+3, lr.Body().Map().Len())
	last, _ := lr.Body().Map().Get("m7")
	assert.Equal(t, int64(members/2+7), last.Int())
}

func TestSchemasNameEachAttributeOnce(t *testing.T) {
	for source, schema := range sources() {
		seen := map[string]bool{attrUID: true, attrSource: true, attrChange: true}
		add := func(attribute string) {
			assert.False(t, seen[attribute], "%s of %s", attribute, source)
			seen[attribute] = true
		}
		for _, f := range schema.fields {
			add(f.attribute)
		}
		for _, g := range schema.groups {
			for _, v := range g.values {
				add(v.attribute)
			}
		}
	}
}

func TestAllocations(t *testing.T) {
	alert := compact(t, "endpoint_alert")
	schema, rec, records := EndpointAlert(), new(Record), plog.NewLogRecordSlice()
	records.EnsureCapacity(200)
	allocations := testing.AllocsPerRun(100, func() {
		if schema.Parse(alert, rec) == nil {
			schema.AppendTo(records, rec, Options{}, Emission{Source: "s", UID: UID(tenantID, "s", rec.ID, rec.Updated)})
		}
	})
	assert.LessOrEqual(t, allocations, 60.0)
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { _ = schema.Parse(alert, rec) }), 2.0, "what most records cost, which were seen before")
}

func TestSetResource(t *testing.T) {
	res := pcommon.NewResource()
	SetResource(res, entraauth.Tenant{ID: tenantID, Name: "contoso", Attributes: map[string]any{
		"customer.id": "C-17", "gold": true, "seats": int64(9007199254740993), "share": 0.5, "odd": 7,
		"azure.tenant.id": "forged", "service.name": int64(1), "cloud.provider": "gcp", "azure.tenant.name": false,
	}})
	assert.Equal(t, map[string]any{
		"customer.id": "C-17", "gold": true, "seats": int64(9007199254740993), "share": 0.5, "odd": "7",
		"azure.tenant.id": tenantID, "azure.tenant.name": "contoso", "cloud.provider": "azure", "service.name": "microsoft-defender",
	}, res.Attributes().AsRaw())
}

func TestARecordWithMoreMembersThanAreKeptIsReadAsAnyOther(t *testing.T) {
	for source, schema := range sources() {
		text := compact(t, source)
		padding := `"evidence":[1,2],"alerts":[1,2],` + strings.Repeat(`"padding":[0,{}],`, 3*outline.MaxMembers)
		attributes := func(text []byte) map[string]any {
			var rec Record
			require.NoError(t, schema.Parse(text, &rec))
			records := plog.NewLogRecordSlice()
			schema.AppendTo(records, &rec, Options{}, Emission{})
			return records.At(0).Attributes().AsRaw()
		}
		want := attributes(text)
		assert.Equal(t, want, attributes(append([]byte("{"+padding), text[1:]...)), source)
		assert.Greater(t, len(want), 5)
	}
}
