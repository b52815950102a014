package e2e_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/entra"
)

// defenderctl is the built command.
func defenderctl(t *testing.T) string {
	t.Helper()
	return built(t, "DEFENDERCTL_BIN", "defenderctl")
}

// control prepares the command for the configuration of all tests, with texts laid over it.
func (s *stage) control(name string, flags []string, over ...string) (cmd *exec.Cmd, stdout, stderr *output) {
	s.t.Helper()
	cmd = exec.CommandContext(s.t.Context(), defenderctl(s.t), append(append([]string{name}, flags...), configs(over...)...)...)
	cmd.Env = s.environment()
	stdout, stderr = &output{}, &output{}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	return cmd, stdout, stderr
}

// status runs a command to its end.
func (s *stage) status(name string, flags []string, over ...string) (status int, stdout, stderr string) {
	s.t.Helper()
	cmd, out, errs := s.control(name, flags, over...)
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		require.ErrorAs(s.t, err, &exit, errs)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// A tenant on its way in: the doctor finds what is missing, the link mends it, and the collector that runs meanwhile reads.
func TestATenantGetsInWithDefenderctl(t *testing.T) {
	t.Parallel()
	s := newStage(t, 2)
	healthy, newcomer := s.tenants[0], s.tenants[1]
	s.cloud.Entra.SetTenant(entra.Tenant{ID: newcomer.id})
	s.generate(5, time.Hour)
	over := "extensions: {entra_auth: {recheck_interval: 1s}}"
	c := s.start(over)
	s.arrived(healthy)

	status, stdout, stderr := s.status("doctor", nil, over)
	require.Equal(t, 1, status, stderr)
	assert.Contains(t, stdout, "not_consented")
	assert.Contains(t, stdout, "2 tenants, 4 checks: 2 work, 2 problems.")
	assert.Empty(t, stderr)

	status, stdout, stderr = s.status("consent-url", []string{"--json", "--tenant", newcomer.name}, over)
	require.Zero(t, status, stderr)
	var links []struct{ URL string }
	require.NoError(t, json.Unmarshal([]byte(stdout), &links))
	s.browse(links[0].URL, http.StatusFound)

	status, stdout, stderr = s.status("doctor", []string{"--json"}, over)
	require.Zero(t, status, stdout+stderr)
	s.arrived(newcomer)
	c.terminate()
	s.withinQuotas()
	for _, secret := range append(s.cloud.Entra.Issued(), cloudsim.ClientSecret) {
		assert.NotContains(t, stdout+stderr, secret)
	}
}

// browse opens a link without following where it leads.
func (s *stage) browse(link string, want int) *http.Response {
	s.t.Helper()
	browser := s.cloud.Client()
	defer browser.CloseIdleConnections()
	browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := browser.Get(link)
	require.NoError(s.t, err)
	_, _ = io.Copy(io.Discard, resp.Body)
	require.NoError(s.t, resp.Body.Close())
	require.Equal(s.t, want, resp.StatusCode)
	return resp
}

// The collector runs, and keeps its storage, while a user signs in beside it.
func TestAUserSignsInWhileTheCollectorRuns(t *testing.T) {
	t.Parallel()
	s := newStage(t, 1)
	tn := s.tenants[0]
	tn.more = ", sign_in: delegated"
	s.list(tn)
	s.generate(5, time.Hour)
	over := `
extensions: {entra_auth: {storage: file_storage, storage_encryption_key: "c2ltdWxhdGVkIGtleSBvZiAzMiBieXRlcyBmb3IgdXM=", recheck_interval: 1s}}
receivers: {defender: {sources: {endpoint_alerts: {scope: "https://graph.microsoft.com/.default", endpoint: "${env:E2E_CLOUD}/graph"}}}}`
	c := s.start(over)
	s.eventually("the need to sign in", func() bool { return len(c.logged(fails, line{"reason": "sign_in_required"})) > 0 })

	cmd, stdout, stderr := s.control("sign-in", []string{"--tenant", tn.name}, over)
	require.NoError(t, cmd.Start())
	link := regexp.MustCompile(`https://\S+state=\S+`)
	s.eventually("the link", func() bool { return link.MatchString(stdout.String()) })
	back := s.browse(link.FindString(stdout.String()), http.StatusFound)
	s.browse(back.Header.Get("Location"), http.StatusOK)
	require.NoError(t, cmd.Wait(), stderr)
	assert.Contains(t, stdout.String(), tn.name+" is signed in.")

	s.eventually("alerts of the user's tenant", func() bool { return s.sink.count() >= 5 })
	c.terminate()
	for _, secret := range append(s.cloud.Entra.Issued(), cloudsim.ClientSecret) {
		assert.NotContains(t, stdout.String()+stderr.String()+c.stderr.String(), secret)
	}
}

func TestDefenderctlEndsAtCtrlC(t *testing.T) {
	t.Parallel()
	s := newStage(t, 1)
	s.cloud.Entra.SetFault(s.tenants[0].id, entra.Fault{Hang: true, Metadata: true})
	cmd, stdout, stderr := s.control("doctor", nil)
	require.NoError(t, cmd.Start())
	s.eventually("a request that hangs", func() bool { return s.cloud.Entra.MetadataRequests() > 0 })
	require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
	err := cmd.Wait()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 130, exit.ExitCode())
	assert.Contains(t, stdout.String(), "2 not checked.")
	assert.Contains(t, stderr.String(), "interrupted")
}
