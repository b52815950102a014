package ctl_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.uber.org/goleak"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim"
	"github.com/otelcol-defender/otelcol-defender/internal/ctl"
	"github.com/otelcol-defender/otelcol-defender/internal/ctl/terminal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	contoso  = "72f988bf-86f1-41af-91ab-2d7cd011db47"
	fabrikam = "0a7110e8-3f05-4a2e-8b6f-3d6b6d1c2f11"
	tailspin = "5c0f7a1e-2b44-4f0e-9d3a-6b8c1e7f2a05"
	wingtip  = "8d9e6f2b-7c13-4a5d-b0e4-1f2a3b4c5d06"
	// wingtipApp is the registration that wingtip owns.
	wingtipApp = "22222222-2222-4222-8222-222222222222"
	// mistyped is a secret that Entra refuses.
	mistyped = "mistyped~secret/of+wingtip"
)

// stage is a simulated cloud and a configuration for it.
type stage struct {
	t     *testing.T
	cloud *cloudsim.Cloud
	dir   string
	said  []string // everything that was printed
	// open is the browser.
	open func(ctx context.Context, link string) error
	// over ends the wait for a browser in place of the time, if not nil.
	over chan struct{}
}

func newStage(t *testing.T, opts cloudsim.Options) *stage {
	t.Helper()
	s := &stage{t: t, cloud: cloudsim.New(opts), dir: t.TempDir()}
	require.NoError(t, s.cloud.Start())
	t.Cleanup(func() {
		require.NoError(t, s.cloud.Close())
		s.noSecrets()
	})
	_, err := s.cloud.CAFile(s.dir)
	require.NoError(t, err)
	return s
}

// row is a tenant of the tenants file.
func row(id, name string, more ...string) string {
	return fmt.Sprintf("  - {id: %s, name: %s%s}\n", id, name, strings.Join(append([]string{""}, more...), ", "))
}

// config writes the configuration with these tenants, and returns its file.
func (s *stage) config(rows ...string) string {
	s.t.Helper()
	return s.configWith("", rows...)
}

// configWith has more keys of the extension, each on a line of its own, and keeps refresh tokens in a file.
func (s *stage) configWith(keys string, rows ...string) string {
	s.t.Helper()
	s.write("tenants.yaml", "tenants:\n"+strings.Join(rows, ""))
	ca := filepath.Join(s.dir, "ca.pem")
	return s.write("config.yaml", fmt.Sprintf(`
extensions:
  entra_auth:
    authority_host: %[1]s
    application: {client_id: %[2]s, credentials: [{client_secret: "%[3]s"}]}
    tenants_file: %[4]s/tenants.yaml
    http: {tls: {ca_file: %[5]s}}%[8]s
  file_storage: {directory: "%[4]s/storage", create_directory: true}
  health_check: {}
receivers:
  defender:
    auth: {authenticator: entra_auth}
    tls: {ca_file: %[5]s}
    sources:
      endpoint_alerts: {endpoint: "%[6]s"}
      graph_alerts: {endpoint: "%[7]s"}
exporters: {splunk_hec: {token: unused}}
service:
  extensions: [health_check, entra_auth, file_storage]
  pipelines: {logs: {receivers: [defender], exporters: [splunk_hec]}}
`, s.cloud.URL(), cloudsim.ClientID, cloudsim.ClientSecret, s.dir, ca, s.cloud.EndpointURL(), s.cloud.GraphURL(),
		strings.ReplaceAll(keys, "\n", "\n    ")))
}

func (s *stage) write(name, text string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	require.NoError(s.t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// result is how a command ended.
type result struct {
	stdout, stderr string
	status         int
}

// run runs a command where nobody is looking.
func (s *stage) run(args ...string) result { return s.runIn(s.t.Context(), terminal.Output{}, args...) }

// runIn runs a command on outputs of a kind until ctx ends.
func (s *stage) runIn(ctx context.Context, kind terminal.Output, args ...string) result {
	s.t.Helper()
	var stdout, stderr output
	out, errs := kind, kind
	out.Writer, errs.Writer = &stdout, &stderr
	out.Width, errs.Width = terminal.Width, terminal.Width
	p := s.program(out, errs)
	status := p.Run(ctx, args)
	s.said = append(s.said, stdout.String(), stderr.String())
	return result{stdout.String(), stderr.String(), status}
}

func (s *stage) program(stdout, stderr terminal.Output) *ctl.Program {
	p := &ctl.Program{
		Stdout: stdout, Stderr: stderr, Open: s.open, Rhythm: time.Millisecond,
		Build: component.BuildInfo{Command: "defenderctl", Version: "1.2.3"},
	}
	if s.over != nil {
		p.Limit = s.limit
	}
	return p
}

// limit has the time be over when the test says so.
func (s *stage) limit(ctx context.Context, _ time.Duration, cause error) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-s.over:
			cancel(cause)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

// noSecrets fails if anything that proves an identity was printed.
func (s *stage) noSecrets() {
	secrets := append(s.cloud.Entra.Issued(), cloudsim.ClientSecret, mistyped)
	for _, text := range s.said {
		for _, secret := range secrets {
			assert.NotContains(s.t, text, secret)
		}
	}
}

// output is a buffer for several goroutines.
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
