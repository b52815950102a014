package distribution_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const documentation = "docs/components.md"

// kinds are the sections of a configuration; the documentation has a heading for each.
var kinds = []string{"receivers", "processors", "connectors", "exporters", "extensions"}

var (
	row        = regexp.MustCompile("(?m)^\\| `(\\w+)` \\| [^|]+ \\| (.+) \\|$")
	linkToFile = regexp.MustCompile(`\(\.\./(testdata/configs/[\w-]+\.yaml)\)`)
)

func TestComponentsAreDocumentedAndShown(t *testing.T) {
	out, err := collector(t, nil, "components")
	require.NoError(t, err, out)
	built := parse(t, out)
	documented := sections(read(t, documentation))

	for _, kind := range kinds {
		rows := row.FindAllStringSubmatch(documented[kind], -1)
		assert.ElementsMatch(t, names(t, built[kind], "name"), firsts(rows), kind)
		for _, r := range rows {
			files := linkToFile.FindAllStringSubmatch(r[2], -1)
			assert.NotEmpty(t, files, "%s %s is shown by no configuration", kind, r[1])
			for _, file := range files {
				assert.True(t, uses(parse(t, read(t, file[1])), kind, r[1]), "%s does not use %s %s", file[1], kind, r[1])
			}
		}
	}
}

func TestProvidersAreDocumented(t *testing.T) {
	out, err := collector(t, nil, "components")
	require.NoError(t, err, out)
	rows := row.FindAllStringSubmatch(sections(read(t, documentation))["configuration providers"], -1)
	assert.ElementsMatch(t, names(t, parse(t, out)["providers"], "scheme"), firsts(rows))
}

// sections splits a Markdown text at its second-level headings, and keys the parts by the heading in lower case.
func sections(text string) map[string]string {
	found := map[string]string{}
	for _, part := range strings.Split(text, "\n## ")[1:] {
		heading, rest, _ := strings.Cut(part, "\n")
		found[strings.ToLower(heading)] = rest
	}
	return found
}

func names(t *testing.T, list any, key string) []string {
	t.Helper()
	items, ok := list.([]any)
	require.True(t, ok, "%T", list)
	var found []string
	for _, item := range items {
		component, ok := item.(map[string]any)
		require.True(t, ok, "%T", item)
		name, ok := component[key].(string)
		require.True(t, ok, "%v", component)
		found = append(found, name)
	}
	return found
}

func firsts(rows [][]string) []string {
	var found []string
	for _, r := range rows {
		found = append(found, r[1])
	}
	return found
}

// uses reports whether the service of a configuration uses a component of this type: as an extension or in a pipeline.
func uses(config map[string]any, kind, name string) bool {
	service, _ := config["service"].(map[string]any)
	if kind == "extensions" {
		return hasType(service["extensions"], name)
	}
	role := kind
	if kind == "connectors" {
		role = "receivers" // of the pipelines behind it
	}
	pipelines, _ := service["pipelines"].(map[string]any)
	for _, p := range pipelines {
		pipeline, _ := p.(map[string]any)
		if hasType(pipeline[role], name) {
			return true
		}
	}
	return false
}

// hasType reports whether a list of component ids has one of the type: name itself, or name/instance.
func hasType(list any, name string) bool {
	ids, _ := list.([]any)
	for _, id := range ids {
		text, _ := id.(string)
		if of, _, _ := strings.Cut(text, "/"); of == name {
			return true
		}
	}
	return false
}
