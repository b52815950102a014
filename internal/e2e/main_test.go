package e2e_test

import (
	"cmp"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// Most tests wait for polls most of the time: more of them fit side by side than there are cores.
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err) // the flag is Go's own
	}
	goleak.VerifyTestMain(m)
}

// builtBinary is the collector under test. Asking for the file makes its time a part of what Go's test cache goes by.
func builtBinary(t *testing.T) string {
	t.Helper()
	return built(t, "OTELCOL_DEFENDER_BIN", "otelcol-defender")
}

// built is a program that `make build` makes. Where a variable names it, as `make test` does, it must be there.
func built(t *testing.T, variable, name string) string {
	t.Helper()
	named := os.Getenv(variable)
	path, err := filepath.Abs(cmp.Or(named, filepath.Join("..", "..", "bin", name)))
	require.NoError(t, err)
	if _, err := os.Stat(path); err != nil {
		require.Empty(t, named, "%s: %v", variable, err)
		t.Skipf("run `make build` first: %v", err)
	}
	return path
}
