package distribution_test

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The build takes versions from go.mod alone, and would not notice that builder-config.yaml asks for others.
func TestBuilderConfigNamesTheVersionsThatAreBuilt(t *testing.T) {
	modules := regexp.MustCompile(`(?m)^\s+(\S+) (v\S+)`)
	selected := map[string]string{}
	for _, m := range modules.FindAllStringSubmatch(read(t, "internal/distribution/otelcol/go.mod"), -1) {
		selected[m[1]] = m[2]
	}

	wanted := regexp.MustCompile(`(?m)^ {2}- gomod: (\S+) (v\S+)$`).FindAllStringSubmatch(read(t, "builder-config.yaml"), -1)
	require.NotEmpty(t, wanted)
	for _, m := range wanted {
		assert.Equal(t, m[2], selected[m[1]], m[1])
	}
}
