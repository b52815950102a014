package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// One alert as every source shows it, in each of the schemas. UPDATE_GOLDEN=1 writes the files.
func TestExamplesOfTheSchemas(t *testing.T) {
	t.Parallel()
	for _, m := range mappings(t) {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, 1)
			updated := time.Date(2026, 11, 22, 13, 50, 4, 123456700, time.UTC)
			s.cloud.World.Put(s.tenants[0].id, world.Alert{
				ID: "da637551227677560813_-961444813", Created: updated.Add(-9 * time.Minute), Updated: updated, Incident: 28282, Severity: "Medium",
			})
			lookback := fmt.Sprintf("receivers: {defender: {initial_lookback: %dh}}", int(time.Since(updated).Hours())+1)
			records, _ := s.mapped(&m, lookback)
			for _, r := range records {
				if r.source == string(world.SIEMAlerts) && !strings.Contains(m.raw(r.event), `"AlertPart":0`) {
					continue // one row of the alert is enough
				}
				m.readAt(r.event, m.example)
				m.golden(t, r)
				if r.source == string(world.GraphAlerts) {
					assert.Contains(t, manual(t), "```json\n"+m.shortened(t, r.event)+"\n```", "docs/destinations/normalised-schemas.md")
				}
			}
		})
	}
}

// readAt replaces the time at which an event was read.
func (m *mapping) readAt(event object, example any) {
	if len(m.read) > 0 {
		last := len(m.read) - 1
		at(event, m.read[:last]...).(object)[m.read[last]] = example
	}
}

// golden compares an event with the file for its source.
func (m *mapping) golden(t *testing.T, r mappedRecord) {
	t.Helper()
	path := filepath.Join("testdata", "schemas", m.name, r.source+".json")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
		require.NoError(t, os.WriteFile(path, []byte(indented(t, r.event)+"\n"), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.JSONEq(t, string(want), indented(t, r.event))
}

// shortened is an event as the manual shows it, without the API's text.
func (m *mapping) shortened(t *testing.T, event object) string {
	t.Helper()
	switch m.name {
	case "ocsf":
		event["raw_data"] = "…"
	case "ecs":
		at(event, "event").(object)["original"] = "…"
	case "asim":
		at(event, "AdditionalFields").(object)["Alert"] = "…"
	}
	return indented(t, event)
}

func indented(t *testing.T, value any) string {
	t.Helper()
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	require.NoError(t, encoder.Encode(value))
	return strings.TrimSpace(text.String())
}

func manual(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "destinations", "normalised-schemas.md"))
	require.NoError(t, err)
	return string(text)
}

// documented holds the table of the manual against what the events have: a row names a field or the object around it.
func (m *mapping) documented(t *testing.T, records []mappedRecord) {
	t.Helper()
	heading := map[string]string{"ocsf": "OCSF", "ecs": "ECS", "asim": "ASIM"}[m.name]
	_, section, found := strings.Cut(manual(t), "\n## What is where: "+heading)
	require.True(t, found)
	section, _, _ = strings.Cut(section, "\n## ")
	rows := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| (`.+?`) \\|").FindAllStringSubmatch(section, -1) {
		for _, field := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			rows[field[1]] = false
		}
	}
	undocumented := map[string]bool{}
	for _, r := range records {
		leaves("", r.event, func(path string) {
			known := false
			for end := len(path); end > 0; end = strings.LastIndexByte(path[:end], '.') {
				if _, row := rows[path[:end]]; row {
					rows[path[:end]], known = true, true
				}
			}
			if !known {
				undocumented[path] = true
			}
		})
	}
	assert.Empty(t, undocumented, "not in the table of %s", heading)
	for field, seen := range rows {
		assert.True(t, seen, "%s of the table of %s is in no event", field, heading)
	}
}

// leaves visits what is no object; elements of an array have the array's path.
func leaves(path string, value any, visit func(string)) {
	switch value := value.(type) {
	case object:
		for name, inner := range value {
			leaves(strings.TrimPrefix(path+"."+name, "."), inner, visit)
		}
	case list:
		for _, inner := range value {
			leaves(path, inner, visit)
		}
	default:
		visit(path)
	}
}
