package e2e_test

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
)

// through sends records through a mapping, as they come to a gateway.
func (s *stage) through(m *mapping, logs plog.Logs) (records []mappedRecord, failed []line) {
	s.t.Helper()
	port := freePort(s.t)
	c := s.start(append(m.overlay(s.t), toFile("events"), fmt.Sprintf(`
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:%d"}}}}
service: {pipelines: {logs: {receivers: [otlp]}}}`, port))...)
	request, err := plogotlp.NewExportRequestFromLogs(logs).MarshalProto()
	require.NoError(s.t, err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	s.eventually("the receiver", func() bool {
		res, err := client.Post(fmt.Sprintf("http://127.0.0.1:%d/v1/logs", port), "application/x-protobuf", bytes.NewReader(request))
		if err != nil {
			return false
		}
		return assert.NoError(s.t, res.Body.Close()) && res.StatusCode == http.StatusOK
	})
	want := logs.LogRecordCount()
	s.eventually("the records", func() bool {
		records = s.events("events")
		return len(records) == want
	})
	c.terminate()
	return records, c.logged("failed to", nil)
}

// In a gateway records of others come the same way. They pass as they are, and the log is silent about them.
func TestOtherRecordsPassTheMappingsAsTheyAre(t *testing.T) {
	t.Parallel()
	for _, m := range mappings(t) {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			logs := plog.NewLogs()
			records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
			line := records.AppendEmpty()
			line.Body().SetStr("GET /")
			line.Attributes().PutStr("tmp", "1")
			records.AppendEmpty().Body().SetEmptyMap().PutStr("evidences", "2")
			records.AppendEmpty().Attributes().PutStr("host.name", "3")
			got, failed := newStage(t, 1).through(&m, logs)
			assert.Equal(t, object{"tmp": "1"}, got[0].attributes)
			assert.Equal(t, object{"evidences": "2"}, got[1].event)
			assert.Equal(t, object{"host.name": "3"}, got[2].attributes)
			assert.Empty(t, failed)
		})
	}
}

// Parts of records, as the receiver's split makes them: an alert of an incident or a piece of evidence, by itself or in
// place of the array within the whole.
func TestPartsOfRecordsFitTheSchema(t *testing.T) {
	t.Parallel()
	const (
		file  = `{"entityType":"File","fileName":"part.exe","filePath":"C:\\Temp","sha1":"a9993e364706816aba3e25717850c26c9cd0d89d"}`
		typed = `{"@odata.type":"#microsoft.graph.security.fileEvidence","fileDetails":{"fileName":"part.exe","filePath":"C:\\Temp"}}`
		alert = `{"alertId":"da1_1","title":"A part","category":"Execution","entities":[` + file + `]}`
	)
	for _, m := range mappings(t) {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			logs := plog.NewLogs()
			resource := logs.ResourceLogs().AppendEmpty()
			resource.Resource().Attributes().PutStr("azure.tenant.id", newTenant(0).id)
			for source, bodies := range map[string][]string{
				"xdr_incidents":   {alert, `{"incidentId":7,"alerts":` + alert + `}`},
				"endpoint_alerts": {file, `{"id":"da1_1","evidence":` + file + `}`},
				"graph_alerts":    {typed, `{"id":"da1_1","evidence":` + typed + `}`},
			} {
				for i, body := range bodies {
					lr := resource.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
					lr.SetEventName("microsoft.defender.alert")
					lr.SetTimestamp(1795355404123456700)
					lr.SetObservedTimestamp(1795355430000000000)
					lr.Body().SetStr(body)
					lr.Attributes().PutStr("microsoft.defender.source", source)
					lr.Attributes().PutStr("microsoft.defender.alert.id", "da1_1")
					lr.Attributes().PutStr("log.record.uid", fmt.Sprint(source, i))
				}
			}
			got, failed := newStage(t, 1).through(&m, logs)
			assert.Empty(t, failed)
			for _, r := range got {
				assert.Empty(t, m.faults(r.event), r.uid)
				assert.Contains(t, indented(t, r.event), `C:\\Temp\\part.exe`, "%s: the source has folder and name apart", r.uid)
			}
		})
	}
}
