package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.yaml.in/yaml/v3"
)

// TestMain plays the collector where a test has started this binary as one.
func TestMain(m *testing.M) {
	if play := os.Getenv("DEMO_TEST_COLLECTOR"); play != "" {
		os.Exit(playCollector(play))
	}
	goleak.VerifyTestMain(m)
}

// playCollector writes alerts as the debug exporter does until it is interrupted.
func playCollector(play string) int {
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	if play == "fail" {
		fmt.Fprintln(os.Stderr, "cannot start")
		return 3
	}
	for _, name := range []string{"DEMO_CA_FILE", "DEMO_TENANTS_FILE"} {
		if _, err := os.Stat(os.Getenv(name)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 4
		}
	}
	fmt.Print("Logs\t{\"resource logs\": 1, \"log records\": 3}\nResourceLog #0\nScopeLog #0 scope\n")
	fmt.Print("12:00:00  contoso  one \n\n12:00:01  contoso  two \n12:00:02  fabri")
	fmt.Print("kam  three \n")
	<-interrupted
	if play == "stubborn" {
		return 5
	}
	return 0
}

// output is a buffer for two goroutines.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// perform runs the demo with this binary as the collector and a temporary folder of its own, which must be empty
// afterwards.
func perform(ctx context.Context, t *testing.T, play string, stdout *output, args ...string) error {
	t.Helper()
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	t.Setenv("DEMO_TEST_COLLECTOR", play)
	self, err := os.Executable()
	require.NoError(t, err)
	err = run(ctx, append([]string{"-collector", self}, args...), stdout, &output{})
	left, globErr := filepath.Glob(temporary + "/*")
	require.NoError(t, globErr)
	assert.Empty(t, left, "nothing stays behind")
	return err
}

func TestEndsWellAfterEnoughAlerts(t *testing.T) {
	var stdout output
	require.NoError(t, perform(t.Context(), t, "well", &stdout, "-alerts", "3"))
	_, lines, _ := strings.Cut(stdout.String(), "\n\n")
	assert.Equal(t, "12:00:00  contoso  one\n12:00:01  contoso  two\n12:00:02  fabrikam  three\n", lines)
}

func TestFailsAfterTooFewAlerts(t *testing.T) {
	err := perform(t.Context(), t, "well", &output{}, "-alerts", "4", "-timeout", "300ms")
	require.ErrorIs(t, err, errTooFew)
}

func TestInterruptedIsASuccess(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var stdout output
	done := make(chan struct{})
	go func() {
		defer close(done)
		assert.Eventually(t, func() bool { return strings.Contains(stdout.String(), "three") }, 10*time.Second, time.Millisecond)
		interrupt()
	}()
	require.NoError(t, perform(ctx, t, "well", &stdout))
	<-done
}

func TestCollectorThatFailsIsAFailure(t *testing.T) {
	require.ErrorIs(t, perform(t.Context(), t, "fail", &output{}), errEnded)
	err := perform(t.Context(), t, "stubborn", &output{}, "-alerts", "1")
	require.ErrorContains(t, err, "exit status 5")
	require.ErrorIs(t, run(t.Context(), []string{"-collector", "/does/not/exist"}, &output{}, &output{}), os.ErrNotExist)
}

func TestArguments(t *testing.T) {
	require.ErrorIs(t, run(t.Context(), []string{"-h"}, &output{}, &output{}), flag.ErrHelp)
	require.Error(t, run(t.Context(), []string{"-alerts", "many"}, &output{}, &output{}))
}

func TestTenantsFileIsYAML(t *testing.T) {
	var file struct {
		Tenants []struct {
			ID, Name    string
			Attributes  map[string]string
			Application struct {
				ClientID string `yaml:"client_id"`
			}
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(tenantsFile()), &file))
	require.Len(t, file.Tenants, 6)
	for _, tenant := range file.Tenants {
		assert.Len(t, tenant.ID, 36)
		assert.NotEmpty(t, tenant.Attributes["customer.id"], tenant.Name)
	}
	assert.Equal(t, wingtipApp, file.Tenants[5].Application.ClientID)
}

// TestRealCollector shows the demo as `make run` does.
func TestRealCollector(t *testing.T) {
	binary := os.Getenv("OTELCOL_DEFENDER_BIN")
	if binary == "" {
		t.Skip("OTELCOL_DEFENDER_BIN does not name the built binary")
	}
	var stdout, stderr output
	err := run(t.Context(), []string{
		"-collector", binary, "-config", "../../../testdata/demo/collector.yaml", "-alerts", "20", "-timeout", "90s",
	}, &stdout, &stderr)
	require.NoError(t, err, stderr.String())
	_, lines, _ := strings.Cut(stdout.String(), "\n\n")
	all := strings.Split(strings.TrimSpace(lines), "\n")
	assert.GreaterOrEqual(t, len(all), 20)
	for _, line := range all {
		assert.Regexp(t, `^\d\d:\d\d:\d\d  (contoso|fabrikam|adatum|northwind) +(INFO|LOW|MEDIUM|HIGH) +(created|updated) +(endpoint_alerts|graph_alerts|graph_incidents) +\w.*\(host \S+, user \S+\)$`, line)
	}
	assert.NotContains(t, stderr.String()+stdout.String(), "client_secret: ")
	assert.NotContains(t, stderr.String(), "mistyped")
}
