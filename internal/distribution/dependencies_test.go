package distribution_test

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each dependency, tool and replacement is there for a reason that is written down, and no reason outlives it.
func TestDependenciesAreDocumented(t *testing.T) {
	documented := sections(read(t, "docs/dependencies.md"))
	row := regexp.MustCompile("(?m)^\\| `([^`]+)` \\| .+ \\|$")
	for name, test := range map[string]struct {
		files, sections []string
		entry           *regexp.Regexp
	}{
		"direct": {
			files:    []string{"go.mod"},
			sections: []string{"in the components", "in defenderctl", "in tests"},
			entry:    regexp.MustCompile(`(?m)^\t(\S+) v\S+$`),
		},
		"tools": {
			files:    []string{"internal/tools/go.mod", "internal/tools/lint/go.mod", "internal/tools/sbom/go.mod"},
			sections: []string{"tools"},
			entry:    regexp.MustCompile(`(?m)^(?:tool |\t)(\S+/cmd/\S+)$`),
		},
		"replaced": {
			files:    []string{"builder-config.yaml"},
			sections: []string{"replaced modules"},
			entry:    regexp.MustCompile(`(?m)^ {2}- (\S+) => `),
		},
	} {
		t.Run(name, func(t *testing.T) {
			var there, explained []string
			for _, file := range test.files {
				there = append(there, firsts(test.entry.FindAllStringSubmatch(read(t, file), -1))...)
			}
			for _, section := range test.sections {
				explained = append(explained, firsts(row.FindAllStringSubmatch(documented[section], -1))...)
			}
			require.NotEmpty(t, there)
			assert.ElementsMatch(t, there, explained)
		})
	}
}
