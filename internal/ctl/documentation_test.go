package ctl_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim"
)

const onboarding = "../../docs/onboarding.md"

func document(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(onboarding)
	require.NoError(t, err)
	return string(text)
}

// What the page shows is what the commands print: the other tests hold the same files against them.
func TestThePageShowsWhatIsPrinted(t *testing.T) {
	var blocks []string
	for _, m := range regexp.MustCompile("(?s)```(?:text|json)\n(.*?)```").FindAllStringSubmatch(document(t), -1) {
		blocks = append(blocks, m[1])
	}
	files, err := filepath.Glob("testdata/*")
	require.NoError(t, err)
	require.Len(t, files, 4)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Contains(t, blocks, string(text), "docs/onboarding.md shows another %s", file)
	}
}

// Every command of the page is one, with flags that it has.
func TestThePageHasCommandsThatWork(t *testing.T) {
	s := newStage(t, cloudsim.Options{})
	var found []string
	for _, m := range regexp.MustCompile(`(?m)^bin/defenderctl (.+)$`).FindAllStringSubmatch(document(t), -1) {
		line, _, _ := strings.Cut(m[1], " | ")
		args := strings.Fields(line)
		found = append(found, args[0])
		help := s.run(args[0], "--help").stdout
		for _, arg := range args[1:] {
			if strings.HasPrefix(arg, "--") {
				assert.Contains(t, help, "  "+arg, m[1])
			}
		}
	}
	for _, name := range []string{"consent-url", "sign-in", "doctor"} {
		assert.True(t, slices.Contains(found, name), "docs/onboarding.md shows no %s", name)
	}
}
