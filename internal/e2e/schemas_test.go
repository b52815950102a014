package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// mapping is a normalised schema that the project ships.
type mapping struct {
	// name is that of its file and of its processor.
	name string
	// faults lists what is wrong with an event.
	faults func(event map[string]any) []string
	// raw is the API's text in an event.
	raw func(event map[string]any) string
	// read is where an event has the time at which it was read, which differs from run to run, and what an example has
	// there instead.
	read    []string
	example any
}

func mappings(t *testing.T) []mapping {
	t.Helper()
	var events ocsf
	readSchema(t, "ocsf.yaml", &events)
	var documents ecs
	readSchema(t, "ecs.yaml", &documents)
	var rows asim
	readSchema(t, "asim.yaml", &rows)
	return []mapping{
		{
			name: "ocsf", faults: events.faults, read: []string{"metadata", "logged_time"}, example: 1795355430000,
			raw: func(event object) string { return at(event, "raw_data").(string) },
		},
		{
			name: "ecs", faults: documents.faults, read: []string{"event", "created"}, example: "2026-11-22T13:50:30Z",
			raw: func(event object) string { return at(event, "event", "original").(string) },
		},
		{
			name: "asim", faults: rows.faults,
			raw: func(event object) string {
				text, err := json.Marshal(at(event, "AdditionalFields", "Alert"))
				require.NoError(t, err)
				return string(text)
			},
		},
	}
}

// at is a member of a member.
func at(event object, path ...string) (value any) {
	value = event
	for _, name := range path {
		inner, _ := value.(object)
		value = inner[name]
	}
	return value
}

// overlay is the shipped file, with the line that its user adds.
func (m *mapping) overlay(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "schemas", m.name+".yaml"))
	require.NoError(t, err)
	return []string{string(text), "service: {pipelines: {logs: {processors: [transform/" + m.name + "]}}}"}
}

// Every record that the API can have becomes a valid event, and none is lost on the way.
func TestEveryRecordFitsTheSchema(t *testing.T) {
	t.Parallel()
	for _, m := range mappings(t) {
		for _, body := range []string{"raw", "map"} {
			t.Run(m.name+" from "+body, func(t *testing.T) {
				t.Parallel()
				s := newStage(t, 1)
				s.everyKind()
				records, failed := s.mapped(&m, "receivers: {defender: {body: "+body+"}}")
				for _, r := range records {
					assert.Empty(t, m.faults(r.event), "%s\n%s", r.source, m.raw(r.event))
				}
				assert.Empty(t, failed)
				m.documented(t, records)
				s.nothingLost(&m, records, body == "raw" && m.name != "asim")
			})
		}
	}
}

// A member of a shape that Microsoft's documents do not have costs the field that it would fill, not the record.
func TestWhatCannotBeMappedLeavesTheRest(t *testing.T) {
	t.Parallel()
	for _, m := range mappings(t) {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, 1)
			s.hostile()
			records, failed := s.mapped(&m)
			s.nothingLost(&m, records, m.name != "asim")
			assert.NotEmpty(t, failed, "the log says what could not be mapped")
		})
	}
}

// mapped runs a collector with a mapping until everything has arrived. It returns also what the log says of statements
// that failed.
func (s *stage) mapped(m *mapping, over ...string) (records []mappedRecord, failed []line) {
	s.t.Helper()
	over = slices.Concat([]string{s.allSources(), toFile("events")}, m.overlay(s.t), over)
	want := len(s.visible(s.tenants...))
	c := s.start(over...)
	s.eventually(fmt.Sprintf("%d events", want), func() bool {
		records = s.events("events")
		return len(records) >= want
	})
	c.terminate()
	return records, c.logged("failed to execute statement", nil)
}

// nothingLost requires that every version has arrived once, with its text.
func (s *stage) nothingLost(m *mapping, records []mappedRecord, exact bool) {
	s.t.Helper()
	var want, got []string
	for _, source := range s.sources {
		for _, v := range s.cloud.World.Find(s.tenants[0].id, world.Query{Source: source}) {
			want = append(want, string(v.JSON()))
		}
	}
	uids := map[string]bool{}
	for _, r := range records {
		got = append(got, m.raw(r.event))
		uids[r.uid] = true
		assert.NotContains(s.t, r.attributes, "tmp")
	}
	require.Len(s.t, uids, len(want))
	if !exact {
		want, got = rewritten(s.t, want), rewritten(s.t, got)
	}
	require.ElementsMatch(s.t, want, got)
}

// rewritten writes JSON texts so that those that say the same are the same.
func rewritten(t *testing.T, texts []string) (same []string) {
	t.Helper()
	for _, text := range texts {
		var value any
		require.NoError(t, json.Unmarshal([]byte(text), &value))
		b, err := json.Marshal(value)
		require.NoError(t, err)
		same = append(same, string(b))
	}
	return same
}

// mappedRecord is a record behind the mapping.
type mappedRecord struct {
	source, uid string
	event       map[string]any
	attributes  map[string]any
}

// events reads the records in a file, whose bodies are maps.
func (s *stage) events(name string) (records []mappedRecord) {
	data, err := os.ReadFile(filepath.Join(s.dir, name))
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(s.t, err)
	for _, logs := range requestsInFile(s.t, data) {
		for _, rl := range logs.ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, lr := range sl.LogRecords().All() {
					attributes := lr.Attributes()
					event, _ := lr.Body().AsRaw().(map[string]any)
					records = append(records, mappedRecord{
						source: text(attributes, "microsoft.defender.source"), uid: text(attributes, "log.record.uid"),
						event: event, attributes: attributes.AsRaw(),
					})
				}
			}
		}
	}
	return records
}
