package distribution_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/licensecheck"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// allowed are the licenses under which code may be part of the binary, each with the reason.
var allowed = map[string]string{
	"Apache-2.0":   "the license of this project",
	"BSD-2-Clause": "asks for its notice only",
	"BSD-3-Clause": "asks for its notice, and not to advertise with the authors' names",
	"ISC":          "asks for its notice only",
	"MIT":          "asks for its notice only",
	"MPL-2.0":      "binds the files it covers and no others; they are used unchanged, and their source is public",
}

// mostly is the percentage of a license file that must be the text of licenses; the rest are names and explanations.
const mostly = 80

var licenseFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|unlicense)(\.md|\.txt)?$`)

// source is a folder that the binary is compiled from.
type source struct {
	folder, module string   // where it is, and where its module begins
	embedded       []string // files below it that go into the binary as they are
}

func TestLicensesAreAllowed(t *testing.T) {
	t.Parallel()
	holding := map[string]bool{}
	for _, s := range sources(t) {
		files := s.licenses(t, ".")
		assert.NotEmpty(t, files, "no license: %s", s.folder)
		for _, file := range files {
			holding[file] = true
		}
	}
	for file := range holding {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Empty(t, refusal(text), file)
	}
}

// A file may be embedded from a folder with a license of its own. The linker leaves it out where nothing reads it.
func TestEmbeddedFilesOfOtherLicensesAreLeftOut(t *testing.T) {
	t.Parallel()
	built, err := os.ReadFile(binary(t))
	require.NoError(t, err)
	for _, s := range sources(t) {
		for _, name := range s.embedded {
			for _, file := range s.licenses(t, filepath.Dir(name)) {
				text, err := os.ReadFile(file)
				require.NoError(t, err)
				if refusal(text) == "" {
					continue
				}
				content, err := os.ReadFile(filepath.Join(s.folder, name))
				require.NoError(t, err)
				assert.False(t, bytes.Contains(built, content), "%s/%s is in the binary: %s", s.folder, name, file)
			}
		}
	}
}

func TestLicenseTextsAreTold(t *testing.T) {
	t.Parallel()
	own := read(t, "LICENSE")
	for name, test := range map[string]struct{ text, want string }{
		"allowed":            {own, ""},
		"another":            {"https://creativecommons.org/licenses/by-nc/4.0", "CC-BY-NC-4.0"},
		"one of two":         {own + "https://creativecommons.org/licenses/by-nc/4.0", "CC-BY-NC-4.0"},
		"allowed, with more": {own + strings.Repeat("You may not sell it. ", 200), "unknown text"},
		"unknown":            {"Ask us before you use it.", "unknown text"},
		"empty":              {"", "unknown text"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, test.want, refusal([]byte(test.text)))
		})
	}
}

// refusal says what in the text of a license is not allowed, and nothing if all is.
func refusal(text []byte) string {
	cover := licensecheck.Scan(text)
	for _, match := range cover.Match {
		if allowed[match.ID] == "" {
			return match.ID
		}
	}
	if cover.Percent < mostly {
		return "unknown text"
	}
	return ""
}

// licenses lists the license files that hold for a folder below s: those in it and in each one above it in the module.
func (s source) licenses(t *testing.T, below string) []string {
	t.Helper()
	var found []string
	for folder := filepath.Join(s.folder, below); strings.HasPrefix(folder, s.module); folder = filepath.Dir(folder) {
		entries, err := os.ReadDir(folder)
		require.NoError(t, err)
		for _, entry := range entries {
			if !entry.IsDir() && licenseFile.MatchString(entry.Name()) {
				found = append(found, filepath.Join(folder, entry.Name()))
			}
		}
	}
	return found
}

// sources lists the folders that the binary is compiled from, without the standard library and the generated main package.
func sources(t *testing.T) []source {
	t.Helper()
	binary(t) // the main package is generated when it is built
	const format = "{{with .Module}}{{if not .Main}}{{$.Dir}}\t{{.Dir}}\t{{join $.EmbedFiles \"\t\"}}{{end}}{{end}}"
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", format, ".")
	list.Dir = filepath.Join(root, "internal", "distribution", "otelcol")
	list.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	out, err := list.Output()
	require.NoError(t, err)
	var found []source
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		found = append(found, source{fields[0], fields[1], fields[2:]})
	}
	require.NotEmpty(t, found)
	return found
}
