package record

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/golden"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatatest/plogtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

const tenantID = "72f988bf-86f1-41af-91ab-2d7cd011db47"

// sources are the schemas by the beginning of their samples' names.
func sources() map[string]*Schema {
	return map[string]*Schema{
		"endpoint_alert": EndpointAlert(),
		"graph_alert":    GraphAlert(),
		"graph_incident": GraphIncident(),
		"xdr_incident":   XDRIncident(),
		"siem_alert":     SIEMAlert(),
	}
}

func TestGolden(t *testing.T) {
	for source, schema := range sources() {
		samples, err := filepath.Glob("testdata/" + source + "_*.json")
		require.NoError(t, err)
		require.NotEmpty(t, samples, source)
		for _, sample := range samples {
			name := strings.TrimSuffix(filepath.Base(sample), ".json")
			raw, err := os.ReadFile(sample)
			require.NoError(t, err)
			variants := map[string]Options{"raw": {Timestamp: Updated}, "map": {BodyMap: true}}
			if strings.HasSuffix(name, "_full") {
				variants["created"] = Options{Timestamp: Created}
				variants["last_activity"] = Options{Timestamp: LastActivity}
			}
			for variant, opt := range variants {
				t.Run(name+"/"+variant, func(t *testing.T) {
					compareWithGolden(t, name+"."+variant, build(t, schema, raw, source+"s", opt))
				})
			}
		}
	}
}

// build makes the logs of one record as the receiver does.
func build(t *testing.T, schema *Schema, raw []byte, source string, opt Options) plog.Logs {
	t.Helper()
	var rec Record
	require.NoError(t, schema.Parse(raw, &rec))
	logs := plog.NewLogs()
	resource := logs.ResourceLogs().AppendEmpty()
	SetResource(resource.Resource(), entraauth.Tenant{ID: tenantID, Name: "contoso", Attributes: map[string]any{"customer.id": "C-17"}})
	schema.AppendTo(resource.ScopeLogs().AppendEmpty().LogRecords(), &rec, opt, Emission{
		Source:   source,
		UID:      UID(tenantID, source, rec.ID, rec.Updated),
		Observed: time.Date(2026, 11, 22, 14, 30, 0, 0, time.UTC),
		Update:   opt.BodyMap,
	})
	return logs
}

func compareWithGolden(t *testing.T, name string, got plog.Logs) {
	t.Helper()
	file := filepath.Join("testdata", "golden", name+".yaml")
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o750))
		require.NoError(t, golden.WriteLogsToFile(file, got))
	}
	want, err := golden.ReadLogs(file)
	require.NoError(t, err)
	require.NoError(t, plogtest.CompareLogs(want, got))
	assert.Equal(t, first(want).EventName(), first(got).EventName(), "plogtest does not compare it")
}

func first(logs plog.Logs) plog.LogRecord {
	return logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
}
