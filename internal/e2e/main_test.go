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
	path, err := filepath.Abs(cmp.Or(os.Getenv("OTELCOL_DEFENDER_BIN"), filepath.Join("..", "..", "bin", "otelcol-defender")))
	require.NoError(t, err)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("run `make build` first: %v", err)
	}
	return path
}
