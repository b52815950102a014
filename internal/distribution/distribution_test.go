package distribution_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.uber.org/goleak"
)

// root is the repository, seen from this package.
const root = "../.."

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// binary is the path of the built binary.
func binary(t *testing.T) string {
	t.Helper()
	path, given := os.LookupEnv("OTELCOL_DEFENDER_BIN")
	if !given {
		path = filepath.Join(root, "bin", "otelcol-defender")
	}
	_, err := os.Stat(path) // also tells go's test cache that the result depends on this file
	if err != nil && !given {
		t.Skip("no binary: make build")
	}
	require.NoError(t, err)
	path, err = filepath.Abs(path)
	require.NoError(t, err)
	return path
}

// collector runs the built binary in the root of the repository and returns what it prints on either stream.
func collector(t *testing.T, env []string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary(t), args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, path))
	require.NoError(t, err)
	return string(data)
}

func parse(t *testing.T, text string) map[string]any {
	t.Helper()
	retrieved, err := confmap.NewRetrievedFromYAML([]byte(text))
	require.NoError(t, err)
	raw, err := retrieved.AsRaw()
	require.NoError(t, err)
	parsed, _ := raw.(map[string]any)
	return parsed
}
