package defenderreceiver

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.yaml.in/yaml/v3"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/internal/cloud"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/record"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/source"
)

// section returns a part of README.md, from its heading to the next one.
func section(t *testing.T, heading string) string {
	t.Helper()
	_, rest, found := strings.Cut(readFile(t, "README.md"), "\n"+heading+"\n")
	require.True(t, found, heading)
	text, _, _ := strings.Cut(rest, "\n##")
	return text
}

// rows returns the cells of the rows of a section's tables, by the first cell without its backticks.
func rows(t *testing.T, heading string) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for line := range strings.Lines(section(t, heading)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if len(cells) > 1 && strings.HasPrefix(cells[0], "`") {
			found[strings.Trim(cells[0], "` ")] = cells
		}
	}
	require.NotEmpty(t, found, heading)
	return found
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// keys lists the configuration's keys of a struct.
func keys(of reflect.Type) []string {
	var found []string
	for field := range of.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("mapstructure"), ",")
		switch inner := field.Type; {
		case name == "":
		case inner == reflect.TypeFor[SweepConfig]():
			for _, key := range keys(inner) {
				found = append(found, name+"::"+key)
			}
		default:
			found = append(found, name)
		}
	}
	return found
}

func TestReadmeHasEveryKey(t *testing.T) {
	table := rows(t, "## Configuration")
	for _, key := range keys(reflect.TypeFor[Config]()) {
		assert.Contains(t, table, key)
	}
	table = rows(t, "### Sources")
	for _, key := range keys(reflect.TypeFor[SourceConfig]()) {
		assert.Contains(t, table, key)
	}
	assert.Equal(t, "`"+defaultRegion+"`", table["region"][1])
	for _, s := range source.All() {
		for _, region := range s.Regions {
			assert.Contains(t, table["region"][2], "`"+region+"`")
		}
	}
}

// TestReadmeHasTheDefaults sets each key to the default that the table names, which must change nothing.
func TestReadmeHasTheDefaults(t *testing.T) {
	defaults := 0
	for key, cells := range rows(t, "## Configuration") {
		if !strings.HasPrefix(cells[1], "`") {
			continue
		}
		defaults++
		cfg := createDefaultConfig()
		var value any
		require.NoError(t, yaml.Unmarshal([]byte(strings.Trim(cells[1], "`")), &value))
		conf := confmap.NewFromStringMap(map[string]any{key: value})
		require.NoError(t, conf.Unmarshal(cfg), key)
		assert.Equal(t, createDefaultConfig(), cfg, key)
	}
	assert.Greater(t, defaults, 8)
}

func TestReadmeHasEverySource(t *testing.T) {
	table, clouds := rows(t, "### Sources"), rows(t, "### Clouds")
	for i, s := range source.All() {
		require.Contains(t, table, s.Key)
		row := strings.Join(table[s.Key], " | ")
		assert.Contains(t, row, "GET "+s.Path)
		assert.Contains(t, row, fmt.Sprintf("| %d, %d", s.PageSize, s.MaxPageSize))
		for _, role := range s.Roles {
			assert.Contains(t, row, "`"+role+"`")
		}
		for _, limit := range s.Limits {
			unit := map[time.Duration]string{time.Minute: "a minute", time.Hour: "an hour"}[limit.Window]
			assert.Contains(t, row, fmt.Sprintf("%d %s", limit.Requests, unit))
		}
		for _, name := range cloud.Names() {
			target, err := s.Target(name, source.Override{Region: defaultRegion})
			want := "`" + target.Endpoint + "`"
			if err != nil {
				want = "not offered"
			}
			require.Contains(t, clouds, name)
			assert.Contains(t, clouds[name][i+1], want, "%s in %s", s.Key, name)
		}
	}
}

// TestThePageOnSourcesIsComplete holds docs/sources.md to what the sources are made of.
func TestThePageOnSourcesIsComplete(t *testing.T) {
	page := readFile(t, filepath.Join("..", "..", "docs", "sources.md"))
	for _, s := range source.All() {
		_, text, found := strings.Cut(page, "\n## `"+s.Key+"`\n")
		require.True(t, found, s.Key)
		text, _, _ = strings.Cut(text, "\n## ")
		assert.Contains(t, text, "`GET "+s.Path)
		assert.Contains(t, text, "`"+s.UpdateTime+"`")
		for _, role := range s.Roles {
			assert.Contains(t, text, "`"+role+"`")
		}
		for _, limit := range s.Limits {
			unit := map[time.Duration]string{time.Minute: "a minute", time.Hour: "an hour"}[limit.Window]
			assert.Contains(t, text, fmt.Sprintf("%d %s", limit.Requests, unit))
		}
		assert.Contains(t, text, fmt.Sprintf("| %d, %d |", s.PageSize, s.MaxPageSize))
		for _, name := range cloud.Names() {
			if _, err := s.Target(name, source.Override{}); err != nil {
				assert.Contains(t, text, "`"+name+"`", "%s is not offered in it", s.Key)
			}
		}
	}
}

// TestReadmeHasEveryAttribute takes them from the records that the readers' own tests have.
func TestReadmeHasEveryAttribute(t *testing.T) {
	table := rows(t, "### Attributes")
	for i, s := range source.All() {
		fixtures, err := filepath.Glob(filepath.Join("internal", "record", "testdata", strings.TrimSuffix(s.Key, "s")+"_*.json"))
		require.NoError(t, err)
		require.NotEmpty(t, fixtures, s.Key)
		for _, fixture := range fixtures {
			for name := range emitted(t, s, readFile(t, fixture)).Attributes().All() {
				require.Contains(t, table, name)
				assert.NotEmpty(t, table[name][i+1], "%s of %s", name, s.Key)
			}
			for name := range partOf(t, s, readFile(t, fixture)).Attributes().All() {
				require.Contains(t, table, name)
			}
		}
	}
}

func emitted(t *testing.T, s source.Source, raw string) plog.LogRecord {
	t.Helper()
	var rec record.Record
	require.NoError(t, s.Schema.Parse([]byte(raw), &rec))
	records := plog.NewLogRecordSlice()
	s.Schema.AppendTo(records, &rec, record.Options{Timestamp: record.Updated}, record.Emission{
		Source: s.Key, UID: record.UID("72f988bf-86f1-41af-91ab-2d7cd011db47", s.Key, rec.ID, rec.Updated),
	})
	return records.At(0)
}

// partOf is the first part of a record, or the record.
func partOf(t *testing.T, s source.Source, raw string) plog.LogRecord {
	t.Helper()
	var rec record.Record
	require.NoError(t, s.Schema.Parse([]byte(raw), &rec))
	records := plog.NewLogRecordSlice()
	require.NoError(t, s.Schema.AppendParts(&rec, record.Options{Split: s.Schema.Splits()}, record.Emission{Source: s.Key, UID: "uid"},
		0, func(int64) (plog.LogRecordSlice, error) { return records, nil }))
	return records.At(0)
}

func TestReadmeExampleOfARecord(t *testing.T) {
	_, text, found := strings.Cut(section(t, "### Example of a record"), "```yaml\n")
	require.True(t, found)
	text, _, _ = strings.Cut(text, "```")
	var example struct {
		Resource map[string]any
		Record   struct {
			Timestamp      string         `yaml:"Timestamp"`
			EventName      string         `yaml:"EventName"`
			SeverityNumber int            `yaml:"SeverityNumber"`
			SeverityText   string         `yaml:"SeverityText"`
			Body           string         `yaml:"Body"`
			Attributes     map[string]any `yaml:"Attributes"`
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(text), &example))

	s, known := source.Lookup(fmt.Sprint(example.Record.Attributes["microsoft.defender.source"]))
	require.True(t, known)
	lr := emitted(t, s, example.Record.Body)
	attributes := pcommon.NewMap()
	require.NoError(t, attributes.FromRaw(example.Record.Attributes))
	assert.Equal(t, lr.Attributes().AsRaw(), attributes.AsRaw())
	assert.Equal(t, lr.Timestamp().AsTime().Format(time.RFC3339Nano), example.Record.Timestamp)
	assert.Equal(t, lr.EventName(), example.Record.EventName)
	assert.EqualValues(t, lr.SeverityNumber(), example.Record.SeverityNumber)
	assert.Equal(t, lr.SeverityText(), example.Record.SeverityText)
	assert.Equal(t, lr.Body().Str(), example.Record.Body)

	resource := plog.NewLogs().ResourceLogs().AppendEmpty().Resource()
	record.SetResource(resource, entraauth.Tenant{
		ID: "72f988bf-86f1-41af-91ab-2d7cd011db47", Name: "contoso", Attributes: map[string]any{"customer.id": "C-17"},
	})
	assert.Equal(t, resource.Attributes().AsRaw(), example.Resource)
	for _, fixed := range []string{"cloud.provider", "service.name", "azure.tenant.id", "azure.tenant.name"} {
		assert.Contains(t, rows(t, "### Resource"), fixed)
	}
}

func TestReadmeHasEveryMetric(t *testing.T) {
	table := rows(t, "## Metrics")
	for _, m := range matches(t, 10, `(?m)^### (otelcol_\w+)`, "documentation.md") {
		assert.Contains(t, table, m)
	}
}

// TestReadmeHasEveryReason takes them from the places where they are defined.
func TestReadmeHasEveryReason(t *testing.T) {
	table := rows(t, "## Troubleshooting")
	var reasons []string
	reasons = append(reasons, matches(t, 14, `Reason = "(\w+)"`, "../../extension/entraauthextension/entraauth/error.go")...)
	reasons = append(reasons, matches(t, 11, `Kind = "(\w+)"`, "internal/api/error.go")...)
	reasons = append(reasons, matches(t, 4, `x\.Reason, x\.Action = "(\w+)"`, "internal/poll/errors.go")...)
	reasons = append(reasons, matches(t, 7, `Reason\w+ += "(\w+)"`, "internal/record/parse.go")...)
	for _, reason := range reasons {
		if assert.Contains(t, table, reason) {
			assert.NotEmpty(t, table[reason][1], reason)
		}
	}
}

// TestReadmeHasEveryLogLine looks up the beginning of each line, as far as it says what happened.
func TestReadmeHasEveryLogLine(t *testing.T) {
	files, err := filepath.Glob("internal/*/*.go")
	require.NoError(t, err)
	here, err := filepath.Glob("*.go")
	require.NoError(t, err)
	files = slices.DeleteFunc(append(files, here...), func(name string) bool { return strings.HasSuffix(name, "_test.go") })
	text := section(t, "## Troubleshooting")
	for _, line := range matches(t, 10, `(?i)\blog(?:ger)?\.(?:Info|Warn|Error)\("([^"]+)"`, files...) {
		assert.Contains(t, text, strings.TrimRight(regexp.MustCompile(`^[^.;:]+`).FindString(line), ". "))
	}
}

// matches returns the first group of each match in the files, of which there are at least so many.
func matches(t *testing.T, least int, pattern string, files ...string) []string {
	t.Helper()
	var found []string
	for _, file := range files {
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(readFile(t, file), -1) {
			found = append(found, m[1])
		}
	}
	require.GreaterOrEqual(t, len(found), least, pattern)
	return found
}
