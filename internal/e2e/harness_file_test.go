package e2e_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
)

// toFile exports to a file of the test's folder instead of the sink.
func toFile(name string) string {
	return `
exporters: {file: {path: "${env:E2E_DIR}/` + name + `", format: proto, flush_interval: 100ms}}
service: {pipelines: {logs: {exporters: [file]}}}`
}

// exported reads what the file exporter has written: each request in protobuf, its length before it. Where the process
// still runs, the last one may be cut.
func (s *stage) exported(name string) []alert {
	s.t.Helper()
	data, err := os.ReadFile(filepath.Join(s.dir, name))
	require.NoError(s.t, err)
	return alertsInFile(s.t, data)
}

func alertsInFile(t *testing.T, data []byte) (alerts []alert) {
	t.Helper()
	for _, logs := range requestsInFile(t, data) {
		alerts = append(alerts, alertsOf(logs)...)
	}
	return alerts
}

func requestsInFile(t *testing.T, data []byte) (requests []plog.Logs) {
	t.Helper()
	unmarshaler := plog.ProtoUnmarshaler{}
	const prefix = 4
	for len(data) >= prefix {
		size := int(binary.BigEndian.Uint32(data))
		if data = data[prefix:]; len(data) < size {
			return requests
		}
		logs, err := unmarshaler.UnmarshalLogs(data[:size])
		require.NoError(t, err)
		requests = append(requests, logs)
		data = data[size:]
	}
	return requests
}
