package e2e_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every test that the overview of the destinations names exists.
func TestDestinationsPageNamesTests(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	page, err := os.ReadFile(filepath.Join(root, "docs", "destinations", "README.md"))
	require.NoError(t, err)
	declared := declaredTests(t, root)
	named := namedTest.FindAllStringSubmatch(string(page), -1)
	assert.Greater(t, len(named), 15)
	for _, match := range named {
		assert.True(t, declared[match[1]], match[1])
	}
}
