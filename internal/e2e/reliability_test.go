package e2e_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	namedTest    = regexp.MustCompile("`(Test[A-Z]\\w+)`")
	declaredTest = regexp.MustCompile(`(?m)^func (Test[A-Z]\w+)\(`)
)

// Every fault on the page about reliability has a test, and every test that the page names exists.
func TestReliabilityPageNamesTests(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	page, err := os.ReadFile(filepath.Join(root, "docs", "reliability.md"))
	require.NoError(t, err)
	declared := declaredTests(t, root)
	_, faults, found := strings.Cut(string(page), "\n## Faults\n")
	require.True(t, found)
	faults, _, _ = strings.Cut(faults, "\n## ")
	rows := 0
	for row := range strings.Lines(faults) {
		if !strings.HasPrefix(row, "| ") || strings.HasPrefix(row, "| fault |") {
			continue
		}
		rows++
		assert.Regexp(t, namedTest, row)
	}
	assert.Greater(t, rows, 20)
	for _, match := range namedTest.FindAllStringSubmatch(string(page), -1) {
		assert.True(t, declared[match[1]], match[1])
	}
}

// Every row of the page about signing in that names tests names those that exist.
func TestSigningInPageNamesTests(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	page, err := os.ReadFile(filepath.Join(root, "docs", "signing-in.md"))
	require.NoError(t, err)
	declared := declaredTests(t, root)
	named := namedTest.FindAllStringSubmatch(string(page), -1)
	assert.Greater(t, len(named), 20)
	for _, match := range named {
		assert.True(t, declared[match[1]], match[1])
	}
}

// declaredTests are the test functions of the module.
func declaredTests(t *testing.T, root string) map[string]bool {
	t.Helper()
	declared := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == ".git" || entry.Name() == ".cache"):
			return filepath.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		code, err := os.ReadFile(path)
		for _, match := range declaredTest.FindAllSubmatch(code, -1) {
			declared[string(match[1])] = true
		}
		return err
	})
	require.NoError(t, err)
	return declared
}
