package distribution_test

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	minimal    = "testdata/configs/minimal.yaml"
	tenantList = "testdata/configs/tenants.yaml.example"
	exampleEnv = "testdata/configs/example.env"
	schemas    = "testdata/schemas"
)

func TestConfigurationsValidate(t *testing.T) {
	t.Parallel()
	env := environment(t)
	for _, file := range files(t, "testdata", ".yaml") {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			if name, overlay := schemaOf(file); overlay {
				out, err := validateOver(t, env, []string{minimal, file}, "service: {pipelines: {logs: {processors: [transform/"+name+"]}}}")
				assert.NoError(t, err, out)
				return
			}
			out, err := collector(t, env, "validate", "--config", file)
			assert.NoError(t, err, out)
		})
	}
}

// schemaOf is the schema that a file maps to. Such a file has a processor, and is laid over the configuration that uses it.
func schemaOf(file string) (name string, overlay bool) {
	return strings.TrimSuffix(filepath.Base(file), ".yaml"), filepath.Dir(file) == schemas
}

// A tenant list is read at start only; its rows are those of the extension's own list.
func TestTenantListValidates(t *testing.T) {
	t.Parallel()
	rows := strings.ReplaceAll("\n"+read(t, tenantList), "\n", "\n    ")
	out, err := validateOver(t, environment(t), []string{minimal}, "extensions:\n  entra_auth:"+rows)
	assert.NoError(t, err, out)
}

// A block of YAML in the documentation is a whole configuration, or a part of one: then it is laid over the minimal one.
func TestDocumentedConfigurationsValidate(t *testing.T) {
	t.Parallel()
	env := environment(t)
	fence := regexp.MustCompile("(?s)\n *```yaml\n(.*?\n) *```") // a block within a list is indented, and YAML all the same
	for _, file := range files(t, ".", ".md") {
		for _, block := range fence.FindAllStringSubmatch(read(t, file), -1) {
			parsed := parse(t, block[1])
			if !isConfiguration(parsed) {
				continue
			}
			t.Run(file, func(t *testing.T) {
				t.Parallel()
				base := []string{minimal}
				if _, complete := parsed["service"]; complete {
					base = nil
				}
				if overlays := schemasIn(t, block[1]); len(overlays) > 0 {
					base = append([]string{minimal}, overlays...)
				}
				out, err := validateOver(t, env, base, block[1])
				assert.NoError(t, err, "%s\n%s", block[1], out)
			})
		}
	}
}

// schemasIn lists the files of the mappings that a configuration names.
func schemasIn(t *testing.T, text string) (overlays []string) {
	t.Helper()
	for _, file := range files(t, schemas, ".yaml") {
		if name, _ := schemaOf(file); strings.Contains(text, "transform/"+name) {
			overlays = append(overlays, file)
		}
	}
	return overlays
}

// variable is one that a configuration reads.
var variable = regexp.MustCompile(`\$\{env:(\w+)\}`)

// The head of a configuration names each variable that it reads, or the configuration whose head does. That of the tenant
// list's example is for the configuration as well that follows such a list.
func TestHeadsNameTheVariables(t *testing.T) {
	comment := regexp.MustCompile(`\A(?:#.*\n)+`)
	another := regexp.MustCompile(`[\w-]+\.yaml\b`)
	head := func(file string) string { return comment.FindString(read(t, file)) }
	for _, file := range append(files(t, "testdata/configs", ".yaml"), tenantList) {
		text := head(file)
		if file != tenantList {
			for _, name := range another.FindAllString(text, -1) {
				if other := "testdata/configs/" + name; slices.Contains(files(t, "testdata/configs", ".yaml"), other) {
					text += head(other)
				}
			}
		}
		reads := read(t, file)
		if strings.Contains(text, filepath.Base(tenantList)) {
			reads += read(t, tenantList)
		}
		for _, m := range variable.FindAllStringSubmatch(reads, -1) {
			assert.Contains(t, text, m[1], file)
		}
	}
}

// Whoever copies a configuration finds each of its variables in example.env, and nothing else there.
func TestExampleEnvironmentIsComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, file := range append(files(t, "testdata", ".yaml"), tenantList) {
		for _, m := range variable.FindAllStringSubmatch(read(t, file), -1) {
			seen[m[1]] = true
		}
	}
	var given []string
	for _, pair := range environment(t) {
		name, _, _ := strings.Cut(pair, "=")
		given = append(given, name)
	}
	assert.ElementsMatch(t, slices.Collect(maps.Keys(seen)), given)
}

// validateOver validates configurations with a text laid over them.
func validateOver(t *testing.T, env, base []string, text string) (string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "over.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	args := []string{"validate"}
	for _, config := range append(slices.Clone(base), path) {
		args = append(args, "--config", config)
	}
	return collector(t, env, args...)
}

func isConfiguration(parsed map[string]any) bool {
	for key := range parsed {
		if key != "service" && !slices.Contains(kinds, key) {
			return false
		}
	}
	return len(parsed) > 0
}

// environment is example.env as NAME=value, without the quotes that a shell takes off.
func environment(t *testing.T) []string {
	t.Helper()
	var env []string
	for line := range strings.SplitSeq(read(t, exampleEnv), "\n") {
		name, value, found := strings.Cut(line, "=")
		if found && !strings.HasPrefix(line, "#") {
			env = append(env, name+"="+strings.Trim(value, "'"))
		}
	}
	return env
}

// files lists the files below a folder of the repository that end in suffix, without hidden folders and what is built.
func files(t *testing.T, folder, suffix string) []string {
	t.Helper()
	var found []string
	require.NoError(t, fs.WalkDir(os.DirFS(root), folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (path == "bin" || len(path) > 1 && strings.HasPrefix(entry.Name(), ".")) {
			return fs.SkipDir
		}
		if !entry.IsDir() && strings.HasSuffix(path, suffix) {
			found = append(found, path)
		}
		return nil
	}))
	require.NotEmpty(t, found)
	return found
}
