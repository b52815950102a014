package e2e_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// alertsFolder is where a shipped configuration's file exporter is made to write.
func (s *stage) alertsFolder() string { return filepath.Join(s.dir, "alerts") }

// writingTo replaces the path of the file exporter.
func (s *stage) writingTo(pattern string) string {
	return `exporters: {file: {path: "` + filepath.Join(s.alertsFolder(), pattern) + `"}}`
}

// inFiles reads the records of each file by its name. A last line without an end is being written.
func (s *stage) inFiles() map[string][]record {
	s.t.Helper()
	files, err := filepath.Glob(filepath.Join(s.alertsFolder(), "*.jsonl"))
	require.NoError(s.t, err)
	found := map[string][]record{}
	unmarshaler := plog.JSONUnmarshaler{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(s.t, err)
		for one := range strings.Lines(string(text)) {
			if !strings.HasSuffix(one, "\n") {
				break
			}
			logs, err := unmarshaler.UnmarshalLogs([]byte(one))
			require.NoError(s.t, err, file)
			found[filepath.Base(file)] = append(found[filepath.Base(file)], recordsOf(s.t, logs)...)
		}
	}
	return found
}

// filed waits until all records are in files, and returns them.
func (s *stage) filed(made map[string]record) (records []record) {
	s.t.Helper()
	s.eventually("all records in files", func() bool {
		records = nil
		for _, of := range s.inFiles() {
			records = append(records, of...)
		}
		return lacking(made, records) == 0
	})
	return records
}

func TestFileGetsEveryFieldOfEveryAlert(t *testing.T) {
	t.Parallel()
	s := newShippedStage(t, "contoso", "fabrikam")
	s.generate(200, 20*time.Hour)
	made := s.made("file.yaml", nil)
	c := s.startShipped("file.yaml", nil, s.writingTo("alerts.jsonl"))
	records := s.filed(made)
	c.terminate()
	assert.Zero(t, whole(t, made, records))
	assert.Equal(t, []string{"alerts.jsonl"}, keysOf(s.inFiles()))
}

// What the checkpoint has passed is in the file, whenever the process is killed.
func TestFileLosesNothingToKills(t *testing.T) {
	t.Parallel()
	s := newShippedStage(t, "contoso", "fabrikam")
	over := s.writingTo("alerts.jsonl")
	for range 3 {
		s.generate(100, time.Minute)
		c := s.startShipped("file.yaml", nil, over)
		s.polled(2, s.tenants...)
		c.kill()
	}
	made := s.made("file.yaml", nil)
	c := s.startShipped("file.yaml", nil, over)
	records := s.filed(made)
	c.terminate()
	t.Logf("%d repeats", whole(t, made, records))
}

func TestEachCustomerHasAFileWithoutARoute(t *testing.T) {
	t.Parallel()
	const file = "files-by-customer.yaml"
	s := newShippedStage(t, "contoso", "contoso-europe", "fabrikam")
	s.generate(20, time.Hour)
	made := s.made(file, nil)
	c := s.startShipped(file, nil, s.writingTo("*.jsonl"))
	s.filed(made)
	c.terminate()
	files := s.inFiles()
	assert.ElementsMatch(t, []string{"C-17.jsonl", "unassigned.jsonl"}, keysOf(files))
	for uid, r := range made { // the processor adds the attribute
		if r.Resource["customer.id"] == nil {
			r.Resource["customer.id"] = "unassigned"
			made[uid] = r
		}
	}
	for name, records := range files {
		for _, r := range records {
			assert.Equal(t, name, r.Resource["customer.id"].(string)+".jsonl")
		}
	}
	assert.Zero(t, whole(t, made, append(files["C-17.jsonl"], files["unassigned.jsonl"]...)))
	assert.Len(t, files["C-17.jsonl"], 2*len(files["unassigned.jsonl"]))
}

func TestACustomerWhoseIDIsANumberHasAFile(t *testing.T) {
	t.Parallel()
	const file = "files-by-customer.yaml"
	s := newShippedStage(t, "contoso", "contoso-europe", "fabrikam")
	s.generate(20, time.Hour)
	made := s.made(file, nil)
	c := s.startShipped(file, nil, s.writingTo("*.jsonl"), s.numbered("customer.id"))
	s.filed(made)
	c.terminate()
	files := s.inFiles()
	assert.ElementsMatch(t, []string{"17.jsonl", "unassigned.jsonl"}, keysOf(files))
	for _, r := range files["17.jsonl"] {
		assert.Equal(t, "contoso", r.Resource["azure.tenant.name"])
	}
}

// The commands of the page about files are run as a shell runs them.
func TestTheCommandsForFilesShowTheLatestVersions(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("jq"); err != nil {
		t.Skip("needs jq")
	}
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "destinations", "files-and-routing.md"))
	require.NoError(t, err)
	commands := regexp.MustCompile("(?s)```text\n((?:\\| )?jq .*?)\n```").FindAllStringSubmatch(string(page), -1)
	require.Len(t, commands, 2)
	s := newShippedStage(t, "contoso", "fabrikam")
	s.generate(10, time.Hour)
	s.cloud.World.Put(s.tenants[0].id, world.Alert{ID: "twice", Title: "before", Sources: []world.Source{world.GraphAlerts}})
	incidents := `receivers: {defender: {sources: {graph_incidents: {endpoint: "` + s.cloud.URL() + endpointOf(world.GraphIncidents) + `"}}}}`
	c := s.startShipped("file.yaml", nil, s.writingTo("alerts.jsonl"), incidents)
	s.filed(s.made("file.yaml", nil))
	s.cloud.World.Put(s.tenants[0].id, world.Alert{ID: "twice", Title: "after", Revision: 1, Sources: []world.Source{world.GraphAlerts}})
	made := s.made("file.yaml", nil) // of each alert the latest version
	s.filed(made)
	s.eventually("each incident as it is now", s.incidentsInFiles)
	c.terminate()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", commands[0][1]+" "+commands[1][1])
	cmd.Dir = s.alertsFolder()
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	uids, listed := map[string]bool{}, 0
	for row := range strings.Lines(string(out)) {
		var shown struct {
			Tenant     string
			Attributes map[string]any
			Alert      map[string]any
		}
		require.NoError(t, json.Unmarshal([]byte(row), &shown))
		if shown.Attributes["microsoft.defender.source"] == string(world.GraphIncidents) {
			listed++
			continue
		}
		want := made[shown.Attributes["log.record.uid"].(string)]
		assert.Equal(t, want.Resource["azure.tenant.name"], shown.Tenant)
		assert.Equal(t, want.Attributes["microsoft.defender.title"], shown.Alert["title"])
		uids[want.uid()] = true
	}
	assert.Len(t, uids, len(made))
	assert.Equal(t, len(s.incidents()), listed)
}

// incidents are those that the tenants show now.
func (s *stage) incidents() (versions []*world.Version) {
	for _, tn := range s.tenants {
		versions = append(versions, s.cloud.World.Find(tn.id, world.Query{Source: world.GraphIncidents})...)
	}
	return versions
}

func (s *stage) incidentsInFiles() bool {
	there := map[any]bool{}
	for _, records := range s.inFiles() {
		for _, r := range records {
			there[r.Body] = true
		}
	}
	return !slices.ContainsFunc(s.incidents(), func(v *world.Version) bool { return !there[string(v.JSON())] })
}

func keysOf[V any](m map[string]V) (keys []string) {
	for key := range m {
		keys = append(keys, key)
	}
	return keys
}
