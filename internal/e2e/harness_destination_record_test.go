package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.yaml.in/yaml/v3"
)

// record is everything of a log record that a destination may lose. When it was read differs from run to run.
type record struct {
	Resource            map[string]any
	Scope, ScopeVersion string
	Time                time.Time
	EventName, Severity string
	SeverityNumber      plog.SeverityNumber
	Body                any
	Attributes          map[string]any
}

func (r record) uid() string { return fmt.Sprint(r.Attributes["log.record.uid"]) }

func recordsOf(t *testing.T, logs plog.Logs) (records []record) {
	t.Helper()
	for _, rl := range logs.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				assert.WithinDuration(t, time.Now(), lr.ObservedTimestamp().AsTime(), time.Hour, "when it was read")
				records = append(records, record{
					Resource: rl.Resource().Attributes().AsRaw(), Scope: sl.Scope().Name(), ScopeVersion: sl.Scope().Version(),
					Time: lr.Timestamp().AsTime(), EventName: lr.EventName(), Severity: lr.SeverityText(), SeverityNumber: lr.SeverityNumber(),
					Body: lr.Body().AsRaw(), Attributes: lr.Attributes().AsRaw(),
				})
			}
		}
	}
	return records
}

// made returns what the receiver of a shipped configuration makes of all alerts, by uid: the configuration runs with
// nothing but a file behind the receiver.
func (s *stage) made(file string, env map[string]string) map[string]record {
	s.t.Helper()
	dir, err := os.MkdirTemp(s.dir, "made")
	require.NoError(s.t, err)
	name := filepath.Base(dir)
	text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "configs", file))
	require.NoError(s.t, err)
	config := map[string]any{}
	require.NoError(s.t, yaml.Unmarshal(text, &config))
	delete(config, "processors")
	delete(config, "connectors")
	config["exporters"] = map[string]any{"file": map[string]any{"path": dir + "/records", "format": "proto", "flush_interval": "50ms"}}
	config["service"] = map[string]any{"extensions": []string{"entra_auth", "file_storage"}, "pipelines": map[string]any{
		"logs": map[string]any{"receivers": []string{"defender"}, "exporters": []string{"file"}},
	}}
	text, err = yaml.Marshal(config)
	require.NoError(s.t, err)
	s.setEnvironment(env)
	c := s.startWith([]string{
		"--config", "yaml:" + string(text), "--config", "yaml:" + s.substitutes(),
		"--config", "yaml:extensions: {file_storage: {directory: " + dir + "/state}}",
	})
	s.polled(1, s.tenants...)
	s.written(name+"/records", nil)
	c.terminate()
	made := map[string]record{}
	data, err := os.ReadFile(filepath.Join(dir, "records"))
	require.NoError(s.t, err)
	for _, logs := range requestsInFile(s.t, data) {
		for _, r := range recordsOf(s.t, logs) {
			made[r.uid()] = r
		}
	}
	require.Len(s.t, made, len(s.visible(s.tenants...)))
	return made
}

// whole requires that every record arrived, and that each is field by field what was made. It returns how many repeats
// there were; their fields are compared as well.
func whole(t *testing.T, made map[string]record, arrived []record) (repeats int) {
	t.Helper()
	var missing, wrong findings
	seen := map[string]int{}
	for _, got := range arrived {
		if want, known := made[got.uid()]; !known || !reflect.DeepEqual(want, got) {
			wrong.add("%+v in place of %+v", got, want)
		}
		seen[got.uid()]++
	}
	for uid, want := range made {
		if seen[uid] == 0 {
			missing.add("%v", want.Attributes)
		}
	}
	missing.none(t, "records that are missing")
	wrong.none(t, "records that were changed")
	return len(arrived) - len(seen)
}
