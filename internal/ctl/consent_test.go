package ctl_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/entra"
	"github.com/otelcol-defender/otelcol-defender/internal/ctl/consent"
	"github.com/otelcol-defender/otelcol-defender/internal/ctl/terminal"
)

func (s *stage) links(args ...string) []consent.Link {
	s.t.Helper()
	r := s.run(append([]string{"consent-url", "--json"}, args...)...)
	require.Zero(s.t, r.status, r.stderr)
	var links []consent.Link
	require.NoError(s.t, json.Unmarshal([]byte(r.stdout), &links))
	return links
}

func TestEachTenantHasALinkOfItsOwn(t *testing.T) {
	s := newStage(t, cloudsim.Options{})
	config := s.config(row(contoso, "contoso"), row(fabrikam, "fabrikam", "enabled: false"), row(tailspin, "tailspin", "cloud: usgov_dod"),
		row(wingtip, "wingtip", "application: {client_id: "+wingtipApp+", credentials: [{client_secret: "+mistyped+"}]}"))
	links := s.links("--config", config, "--config", "yaml:extensions::entra_auth::authority_host:")
	require.Len(t, links, 3, "a disabled tenant needs none")
	states := map[string]bool{}
	for i, want := range []struct{ tenant, id, cloud, client, authority string }{
		{"contoso", contoso, "public", cloudsim.ClientID, "https://login.microsoftonline.com"},
		{"tailspin", tailspin, "usgov_dod", cloudsim.ClientID, "https://login.microsoftonline.us"},
		{"wingtip", wingtip, "public", wingtipApp, "https://login.microsoftonline.com"},
	} {
		l := links[i]
		assert.Equal(t, consent.Link{Tenant: want.tenant, TenantID: want.id, Cloud: want.cloud, ClientID: want.client, URL: l.URL, State: l.State}, l)
		assert.Equal(t, want.authority+"/"+want.id+"/adminconsent?client_id="+want.client+"&redirect_uri=https%3A%2F%2Flocalhost&state="+l.State, l.URL)
		assert.GreaterOrEqual(t, len(l.State), 26, "128 bits")
		states[l.State] = true
	}
	assert.Len(t, states, 3)
	assert.NotEqual(t, links[0].State, s.links("--config", config, "--tenant", "contoso")[0].State)
	assert.Empty(t, s.cloud.Entra.Requests(), "nothing was asked")
}

func TestGeneralLinksAreForACloudAndAnApplication(t *testing.T) {
	s := newStage(t, cloudsim.Options{})
	config := s.config(row(contoso, "contoso"), row(fabrikam, "fabrikam"), row(tailspin, "tailspin", "cloud: usgov_gcc_high"))
	links := s.links("--config", config, "--config", "yaml:extensions::entra_auth::authority_host:", "--general", "--redirect-uri", "")
	require.Len(t, links, 2)
	assert.Equal(t, "https://login.microsoftonline.com/organizations/adminconsent?client_id="+cloudsim.ClientID+"&state="+links[0].State, links[0].URL)
	assert.True(t, strings.HasPrefix(links[1].URL, "https://login.microsoftonline.us/organizations/"))
	assert.Empty(t, links[0].Tenant)
}

func TestLinksArePrintedForPeople(t *testing.T) {
	s := newStage(t, cloudsim.Options{})
	r := s.run("consent-url", "--config", s.config(row(contoso, "contoso"), row(tailspin, "tailspin")))
	assert.Zero(t, r.status)
	golden(t, "consent-url.txt", s.stable(r.stdout))
	assert.Contains(t, r.stderr, "Then: defenderctl doctor")
}

// The link consents the tenant for real, at both APIs.
func TestTheLinkWorks(t *testing.T) {
	s := newStage(t, cloudsim.Options{})
	s.cloud.Entra.SetTenant(entra.Tenant{ID: contoso})
	config := s.config(row(contoso, "contoso"))
	require.Equal(t, 1, s.run("doctor", "--config", config).status)
	link := s.links("--config", config)[0]
	browser := s.cloud.Client()
	defer browser.CloseIdleConnections()
	browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := browser.Get(link.URL)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	back, err := resp.Location()
	require.NoError(t, err)
	assert.Equal(t, "localhost", back.Host)
	assert.Equal(t, link.State, back.Query().Get("state"))
	assert.Zero(t, s.run("doctor", "--config", config).status)
}

// visitor runs a command in the background and opens the links that it prints.
type visitor struct {
	s       *stage
	stdout  *output
	stderr  *output
	browser *http.Client
	ended   chan int
}

func (s *stage) visit(ctx context.Context, args ...string) *visitor {
	s.t.Helper()
	return s.visitOn(ctx, terminal.Output{Width: terminal.Width}, args...)
}

func (s *stage) visitOn(ctx context.Context, kind terminal.Output, args ...string) *visitor {
	s.t.Helper()
	v := &visitor{s: s, stdout: &output{}, stderr: &output{}, browser: s.cloud.Client(), ended: make(chan int, 1)}
	s.t.Cleanup(v.browser.CloseIdleConnections)
	stdout, stderr := kind, kind
	stdout.Writer, stderr.Writer = v.stdout, v.stderr
	p := s.program(stdout, stderr)
	go func() { v.ended <- p.Run(ctx, args) }()
	return v
}

// links waits for so many links.
func (v *visitor) links(n int) []string {
	v.s.t.Helper()
	pattern := regexp.MustCompile(`https://\S+state=\S+`)
	require.Eventually(v.s.t, func() bool {
		return len(pattern.FindAllString(v.stdout.String(), -1)) == n && strings.Contains(v.stderr.String(), "Waiting for")
	}, time.Minute, time.Millisecond, v.stderr)
	return pattern.FindAllString(v.stdout.String(), -1)
}

// open follows a link to the page that the browser shows in the end.
func (v *visitor) open(link string) (int, string) {
	v.s.t.Helper()
	resp, err := v.browser.Get(link)
	require.NoError(v.s.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(v.s.t, err)
	return resp.StatusCode, string(text)
}

// end waits for the exit status.
func (v *visitor) end() int {
	v.s.t.Helper()
	select {
	case status := <-v.ended:
		v.s.said = append(v.s.said, v.stdout.String(), v.stderr.String())
		return status
	case <-time.After(time.Minute):
		require.Fail(v.s.t, "the command does not end", v.stderr.String())
		return -1
	}
}

// place is where the command listens.
func (v *visitor) place(link string) *url.URL {
	v.s.t.Helper()
	u, err := url.Parse(link)
	require.NoError(v.s.t, err)
	back, err := url.Parse(u.Query().Get("redirect_uri"))
	require.NoError(v.s.t, err)
	return back
}

func TestWaitProvesTheConsentByATokenAndARecord(t *testing.T) {
	s := newStage(t, cloudsim.Options{})
	s.cloud.Entra.SetTenant(entra.Tenant{ID: contoso})
	s.cloud.Entra.SetTenant(entra.Tenant{ID: fabrikam})
	v := s.visit(t.Context(), "consent-url", "--config", s.config(row(contoso, "contoso"), row(fabrikam, "fabrikam")), "--wait")
	links := v.links(2)

	// Whoever does not know a state gets nowhere, whatever else it says.
	forged := *v.place(links[0])
	forged.RawQuery = url.Values{"admin_consent": {"True"}, "tenant": {contoso}, "state": {"guessed"}}.Encode()
	status, page := v.open(forged.String())
	assert.Equal(t, http.StatusBadRequest, status)
	assert.Contains(t, page, "does not belong to the link")

	status, page = v.open(links[0])
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, page, "Thank you")
	s.cloud.Entra.SetUser(fabrikam, entra.User{Declines: true})
	status, page = v.open(links[1])
	assert.Equal(t, http.StatusBadRequest, status, "admin_consent=True comes with an error as well")
	assert.Contains(t, page, "No consent")

	assert.Equal(t, 1, v.end(), "one has refused")
	assert.Contains(t, v.stderr.String(), "fabrikam has not consented: The admin canceled the request (permission_denied)")
	assert.Contains(t, v.stdout.String(), "1 tenant, 2 checks: 2 work, 0 problems.")
	assert.Positive(t, s.cloud.Entra.Count(contoso, "success"))
	assert.Zero(t, s.cloud.Entra.Count(fabrikam, ""))
}

// A consent takes a while to take effect.
func TestWaitTriesAgainUntilTheConsentTakesEffect(t *testing.T) {
	s := newStage(t, cloudsim.Options{})
	s.cloud.Entra.SetTenant(entra.Tenant{ID: contoso})
	s.cloud.Entra.SetFault(contoso, entra.Fault{Code: "AADSTS700016", Error: "unauthorized_client", Times: 4})
	v := s.visit(t.Context(), "consent-url", "--config", s.config(row(contoso, "contoso")), "--wait", "--tenant", "contoso")
	_, _ = v.open(v.links(1)[0])
	assert.Zero(t, v.end(), v.stdout)
}

// Whoever has answered is proven, also where others let the time pass.
func TestWaitProvesThoseThatCameInTime(t *testing.T) {
	s := newStage(t, cloudsim.Options{})
	s.cloud.Entra.SetTenant(entra.Tenant{ID: contoso})
	s.cloud.Entra.SetTenant(entra.Tenant{ID: fabrikam})
	s.over = make(chan struct{})
	v := s.visit(t.Context(), "consent-url", "--config", s.config(row(contoso, "contoso"), row(fabrikam, "fabrikam")), "--wait")
	_, page := v.open(v.links(2)[0])
	assert.Contains(t, page, "Thank you")
	close(s.over)
	assert.Equal(t, 1, v.end(), "one has not answered")
	assert.Contains(t, v.stderr.String(), "fabrikam has not answered in time")
	assert.NotContains(t, v.stderr.String(), "contoso has not answered")
	assert.NotContains(t, v.stderr.String(), "nobody came back")
	assert.Contains(t, v.stdout.String(), "1 tenant, 2 checks: 2 work, 0 problems.")
	assert.Zero(t, s.cloud.Entra.Count(fabrikam, ""))
}

func TestWaitEndsAtItsTimeAndAtCtrlC(t *testing.T) {
	s := newStage(t, cloudsim.Options{})
	config := s.config(row(contoso, "contoso"))
	v := s.visit(t.Context(), "consent-url", "--config", config, "--wait", "--timeout", "1ms")
	assert.Equal(t, 1, v.end())
	assert.Contains(t, v.stderr.String(), "nobody came back from the link in time")

	ctx, interrupt := context.WithCancel(t.Context())
	v = s.visit(ctx, "consent-url", "--config", config, "--wait")
	_ = v.links(1)
	interrupt()
	assert.Equal(t, 130, v.end())
	assert.Contains(t, v.stderr.String(), "interrupted")
}
