package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// In a gateway records of others come the same way. They pass as they are, and the log is silent about them.
func TestOtherRecordsPassTheMappingsAsTheyAre(t *testing.T) {
	t.Parallel()
	for _, m := range mappings(t) {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, 1)
			port := freePort(t)
			c := s.start(append(m.overlay(t), toFile("events"), fmt.Sprintf(`
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:%d"}}}}
service: {pipelines: {logs: {receivers: [otlp]}}}`, port))...)
			const records = `{"resourceLogs":[{"scopeLogs":[{"logRecords":[
				{"body":{"stringValue":"GET /"},"attributes":[{"key":"tmp","value":{"stringValue":"1"}}]},
				{"body":{"kvlistValue":{"values":[{"key":"evidences","value":{"stringValue":"2"}}]}}},
				{"attributes":[{"key":"host.name","value":{"stringValue":"3"}}]}]}]}]}`
			s.eventually("the receiver", func() bool {
				client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
				res, err := client.Post(fmt.Sprintf("http://127.0.0.1:%d/v1/logs", port), "application/json", strings.NewReader(records))
				if err != nil {
					return false
				}
				return assert.NoError(t, res.Body.Close()) && res.StatusCode == http.StatusOK
			})
			var got []mappedRecord
			s.eventually("the records", func() bool {
				got = s.events("events")
				return len(got) == 3
			})
			c.terminate()
			assert.Equal(t, object{"tmp": "1"}, got[0].attributes)
			assert.Equal(t, object{"evidences": "2"}, got[1].event)
			assert.Equal(t, object{"host.name": "3"}, got[2].attributes)
			assert.Empty(t, c.logged("failed to", nil))
		})
	}
}
