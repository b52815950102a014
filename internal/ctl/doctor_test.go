package ctl_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/api"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/entra"
	"github.com/otelcol-defender/otelcol-defender/internal/ctl/doctor"
	"github.com/otelcol-defender/otelcol-defender/internal/ctl/terminal"
)

// customers are four tenants: two that work, one that has not consented, and one with a wrong secret of its own.
func customers(t *testing.T) (s *stage, config string) {
	t.Helper()
	s = newStage(t, cloudsim.Options{Seed: 1})
	s.cloud.AddTenant(contoso, "contoso")
	s.cloud.AddTenant(fabrikam, "fabrikam")
	s.cloud.World.Generate(contoso, 5, time.Now().Add(-time.Hour), time.Now())
	s.cloud.Entra.SetTenant(entra.Tenant{ID: tailspin})
	s.cloud.Entra.SetTenant(cloudsim.Consented(wingtip))
	s.cloud.Entra.SetApp(entra.App{ClientID: wingtipApp, Secrets: []string{"another"}})
	config = s.config(row(contoso, "contoso"), row(fabrikam, "fabrikam"), row(tailspin, "tailspin"),
		row(wingtip, "wingtip", "application: {client_id: "+wingtipApp+", credentials: [{client_secret: "+mistyped+"}]}"))
	return s, config
}

// stable takes out of an output what differs from run to run.
func (s *stage) stable(text string) string {
	for _, r := range [][2]string{
		{s.cloud.EndpointURL(), "https://api.security.microsoft.com"},
		{s.cloud.GraphURL(), "https://graph.microsoft.com"},
		{s.cloud.URL(), "https://login.microsoftonline.com"},
		{s.dir + "/", ""},
	} {
		text = strings.ReplaceAll(text, r[0], r[1])
	}
	return variable(text)
}

// variable replaces times, states and ports.
func variable(text string) string {
	for pattern, by := range map[string]string{
		`\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ`: "2026-11-25 12:03:11Z", `\d{4}-\d\d-\d\dT[0-9:.]+Z`: "2026-11-25T12:03:11Z",
		`\b[A-Z2-7]{26}\b`: "KJ4VX6LZ3MPN2QRSTUVWABCDEF", `"milliseconds": \d+`: `"milliseconds": 5`,
		`localhost(:|%3A)\d+`: "localhost${1}8400", `until \d\d:\d\d:\d\d`: "until 12:15:00", `code_challenge=[\w-]{43}`: "code_challenge=…",
	} {
		text = regexp.MustCompile(pattern).ReplaceAllString(text, by)
	}
	return text
}

func TestDoctorShowsProblemsFirstInAHundredColumns(t *testing.T) {
	s, config := customers(t)
	r := s.run("doctor", "--config", config)
	assert.Equal(t, 1, r.status)
	assert.Empty(t, r.stderr, "no progress bar where nobody looks")
	golden(t, "doctor.txt", s.stable(r.stdout))
	for line := range strings.Lines(r.stdout) {
		if !strings.Contains(line, "https://") {
			assert.LessOrEqual(t, len([]rune(strings.TrimSuffix(line, "\n"))), 100, line)
		}
	}
	assert.Len(t, s.cloud.API.Requests(contoso, api.Graph), 1, "one request for each source")
	assert.Equal(t, 2, s.cloud.Entra.Count(contoso, ""), "one token for each API")
	assert.Equal(t, 1, s.cloud.Entra.Count(tailspin, "AADSTS700016")/2)
}

func TestDoctorPrintsTheReportAsJSON(t *testing.T) {
	s, config := customers(t)
	r := s.run("doctor", "--config", config, "--json", "--source", "graph_alerts", "--tenant", strings.ToUpper(contoso))
	assert.Zero(t, r.status)
	golden(t, "doctor.json", s.stable(r.stdout))
	var report doctor.Report
	decoder := json.NewDecoder(strings.NewReader(r.stdout))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&report))
	assert.Len(t, report.Checks, 1, "one for each tenant and source that was asked for")
	assert.Zero(t, s.cloud.Entra.Count(fabrikam, ""))
}

// golden compares a text with a file of testdata, which UPDATE_GOLDEN=1 writes.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), text)
}

func TestDoctorExplainsEachFailure(t *testing.T) {
	t.Parallel()
	injected := func(fault api.Fault) func(*stage) {
		return func(s *stage) { s.cloud.API.Inject(api.Rule{Faults: []api.Fault{fault}}) }
	}
	tests := map[string]struct {
		make         func(*stage)
		reason, code string
		next         string
	}{
		"not consented": {
			func(s *stage) { s.cloud.Entra.SetTenant(entra.Tenant{ID: contoso}) },
			"not_consented", "AADSTS700016", "an administrator of the customer must consent to the application",
		},
		"no role": {
			func(s *stage) { s.cloud.Entra.SetTenant(entra.Tenant{ID: contoso, Consented: true}) },
			"no_role", "", "an administrator of the customer must consent anew",
		},
		"wrong secret": {
			func(s *stage) {
				s.cloud.Entra.SetApp(entra.App{ClientID: cloudsim.ClientID, Secrets: []string{"renewed"}})
			}, "application_credential", "AADSTS7000215", "the provider must give the collector a valid secret",
		},
		"unknown tenant": {
			func(s *stage) { s.cloud.Entra.RemoveTenant(contoso) },
			"unknown_tenant", "AADSTS90002", "the provider must correct the tenant's id or cloud",
		},
		"disabled": {
			func(s *stage) { s.cloud.Entra.SetTenant(entra.Tenant{ID: contoso, Consented: true, Disabled: true}) },
			"application_disabled", "AADSTS7000112", "an administrator of the customer must enable",
		},
		"no service": {
			func(s *stage) {
				tenant := cloudsim.Consented(contoso)
				tenant.Absent = []string{"https://graph.microsoft.com"}
				s.cloud.Entra.SetTenant(tenant)
			}, "not_licensed", "AADSTS500011", "the customer must license and provision the product",
		},
		"token of another tenant": {
			func(s *stage) {
				tenant := cloudsim.Consented(contoso)
				tenant.TokenTenant = fabrikam
				s.cloud.Entra.SetTenant(tenant)
			}, "wrong_token", "", "tokens of another tenant",
		},
		"blocked": {
			func(s *stage) { s.cloud.Entra.SetFault(contoso, entra.Fault{Code: "AADSTS53003"}) },
			"blocked_by_policy", "AADSTS53003", "access policies",
		},
		"wrong cloud": {
			func(s *stage) { s.cloud.Entra.SetFault(contoso, entra.Fault{Code: "AADSTS900432"}) },
			"wrong_cloud", "AADSTS900432", "the provider must set the tenant's cloud",
		},
		"Entra throttles": {
			func(s *stage) { s.cloud.Entra.SetFault(contoso, entra.Fault{Status: 429, RetryAfter: "30"}) },
			"throttled", "", "nobody needs to act",
		},
		"Entra is down": {
			func(s *stage) { s.cloud.Entra.SetFault(contoso, entra.Fault{Status: 503}) },
			"transient", "", "nobody needs to act if it passes",
		},
		"the feature is off": {
			injected(api.Refusal(http.StatusForbidden, "DisabledFeature", "The feature is off.")),
			"forbidden", "", "the customer enables the feature",
		},
		"forbidden":    {injected(api.Status(http.StatusForbidden)), "forbidden", "", "grants the application the permission"},
		"unauthorized": {injected(api.Status(http.StatusUnauthorized)), "unauthorized", "", "the provider checks the scope"},
		"throttled":    {injected(api.Throttled("17")), "throttled", "", "the receiver waits"},
		"server error": {injected(api.Status(http.StatusInternalServerError)), "server_error", "", "nobody"},
		"not found":    {injected(api.Status(http.StatusNotFound)), "request_rejected", "", "the provider checks `filter`"},
		"a proxy":      {injected(api.HTML()), "not_a_page", "", "something else than the API"},
		"redirected":   {injected(api.Redirect("https://elsewhere.example/")), "redirected", "", "no token is sent there"},
		"reset":        {injected(api.Reset()), "network", "", "the provider checks the network"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, cloudsim.Options{})
			s.cloud.AddTenant(contoso, "contoso")
			tt.make(s)
			config := s.config(row(contoso, "contoso"))
			r := s.run("doctor", "--config", config, "--source", "graph_alerts", "--json")
			assert.Equal(t, 1, r.status)
			var report doctor.Report
			require.NoError(t, json.Unmarshal([]byte(r.stdout), &report), r.stdout+r.stderr)
			require.Len(t, report.Checks, 1)
			check := report.Checks[0]
			assert.Equal(t, doctor.Problem, check.Status)
			assert.Equal(t, tt.reason, check.Reason, check.Cause)
			assert.Equal(t, tt.code, check.ErrorCode)
			assert.Contains(t, check.Next, tt.next)
			assert.NotEmpty(t, check.Cause)
			assert.Equal(t, 1, report.Summary.Problems)
			if tt.reason == "no_role" {
				require.NotNil(t, check.Token, "what the token has is shown beside what is needed")
				assert.Empty(t, check.Token.Roles)
				assert.Contains(t, check.RolesNeeded, "SecurityAlert.Read.All")
			}

			table := s.run("doctor", "--config", config, "--source", "graph_alerts")
			assert.Equal(t, 1, table.status)
			assert.Contains(t, table.stdout, tt.reason)
			assert.Contains(t, table.stdout, "→ "+terminal.Sentence(check.Next)[:6], "what to do next")
		})
	}
}

func TestDoctorIsContentWhereAllIsWell(t *testing.T) {
	s := newStage(t, cloudsim.Options{})
	s.cloud.AddTenant(contoso, "contoso")
	s.cloud.AddTenant(fabrikam, "fabrikam")
	r := s.run("doctor", "--config", s.config(row(contoso, "contoso"), row(fabrikam, "fabrikam", "enabled: false")))
	assert.Zero(t, r.status, r.stdout)
	assert.Contains(t, r.stdout, "1 tenant, 2 checks: 2 work, 0 problems.")
	assert.NotContains(t, r.stdout, "Problems")
	assert.NotContains(t, r.stdout, "fabrikam")
}

// Whoever trusts the exit status must not take a check of nothing for health.
func TestDoctorThatChecksNothingIsNotContent(t *testing.T) {
	s := newStage(t, cloudsim.Options{})
	s.cloud.AddTenant(contoso, "contoso")
	tests := map[string]struct {
		rows, args  []string
		cause, next string
	}{
		"no enabled tenant": {
			rows:  []string{row(contoso, "contoso", "enabled: false")},
			args:  []string{"--source", "graph_alerts"},
			cause: "The entra_auth extension has no enabled tenant", next: "→ The provider lists one in its `tenants` or `tenants_file`",
		},
		"no receiver has both": {
			rows: []string{row(contoso, "contoso")},
			args: []string{
				"--config", "yaml:extensions::entra_auth/eu: {application: {client_id: " + wingtipApp + ", credentials: [{client_secret: unused}]}, tenants: [{id: " + fabrikam + ", name: fabrikam}]}",
				"--config", "yaml:receivers::defender/eu: {auth: {authenticator: entra_auth/eu}, sources: {endpoint_alerts: {}}}",
				"--config", "yaml:service::extensions: [entra_auth, entra_auth/eu]",
				"--config", "yaml:service::pipelines::logs::receivers: [defender, defender/eu]",
				"--tenant", "fabrikam", "--source", "graph_alerts",
			},
			cause: "No receiver polls a tenant of --tenant for a source of --source", next: "→ Give a --tenant and a --source",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := s.run(append([]string{"doctor", "--config", s.config(tt.rows...)}, tt.args...)...)
			assert.Equal(t, 1, r.status, r.stderr)
			for _, part := range []string{"nothing_checked", tt.cause, tt.next, "0 tenants, 0 checks: 0 work, 0 problems. 1 gap."} {
				assert.Contains(t, r.stdout, part)
			}
		})
	}
}

func TestDoctorNamesTenantsThatNoReceiverPolls(t *testing.T) {
	s := newStage(t, cloudsim.Options{})
	s.cloud.AddTenant(contoso, "contoso")
	args := []string{
		"doctor", "--config", s.config(row(contoso, "contoso")),
		"--config", "yaml:extensions::entra_auth/eu: {application: {client_id: " + wingtipApp + ", credentials: [{client_secret: unused}]}, tenants: [{id: " +
			fabrikam + ", name: fabrikam}, {id: " + tailspin + ", name: tailspin.example}, {id: " + wingtip + ", name: wingtip, enabled: false}, {id: " + contoso + ", name: contoso}]}",
		"--config", "yaml:service::extensions: [entra_auth, entra_auth/eu]",
	}
	r := s.run(args...)
	assert.Equal(t, 1, r.status, r.stderr)
	assert.Regexp(t, `(?m)^  fabrikam          not_polled$\n^  tailspin.example  not_polled$`, r.stdout)
	assert.Equal(t, 1, strings.Count(r.stdout, "→ The provider names entra_auth/eu as the `authenticator` of a defender receiver"))
	assert.Contains(t, r.stdout, "1 tenant, 2 checks: 2 work, 0 problems. 2 gaps.")
	assert.NotContains(t, r.stdout, "wingtip ", "a disabled tenant is nobody's expectation")

	one := s.run(append(args, "--tenant", "tailspin.example", "--json")...)
	assert.Equal(t, 1, one.status, one.stderr)
	var report doctor.Report
	require.NoError(t, json.Unmarshal([]byte(one.stdout), &report))
	require.Len(t, report.Gaps, 1)
	assert.Equal(t, "entra_auth/eu", report.Gaps[0].Extension)
	assert.Equal(t, tailspin, report.Gaps[0].TenantID)
	assert.Equal(t, "not_polled", report.Gaps[0].Reason)
	assert.Zero(t, s.run(append(args, "--tenant", "contoso")...).status, "it is polled by way of the other extension")
}

// A source that the tenant's cloud does not offer is no failure.
func TestDoctorSaysWhatACloudDoesNotOffer(t *testing.T) {
	s := newStage(t, cloudsim.Options{})
	s.cloud.AddTenant(contoso, "contoso")
	config := s.config(row(contoso, "contoso"), row(fabrikam, "fabrikam", "cloud: china"))
	r := s.run("doctor", "--config", config, "--config", `yaml:receivers::defender::sources::graph_alerts::scope: https://graph.microsoft.com/.default`,
		"--config", "yaml:receivers::defender::sources::endpoint_alerts::endpoint:", "--tenant", "fabrikam", "--source", "endpoint_alerts")
	assert.Zero(t, r.status, r.stdout)
	assert.Contains(t, r.stdout, "Not offered in the tenant's cloud, and not polled")
	assert.Regexp(t, `fabrikam +endpoint_alerts +china`, r.stdout)
	assert.Contains(t, r.stdout, "1 not offered in the tenant's cloud.")
	assert.Zero(t, s.cloud.Entra.Count(fabrikam, ""))
}

func TestDoctorFindsACredentialThatFailsBesideOneThatWorks(t *testing.T) {
	s := newStage(t, cloudsim.Options{})
	s.cloud.AddTenant(contoso, "contoso")
	over := fmt.Sprintf(`yaml:extensions::entra_auth::application::credentials: [{client_secret: %q}, {client_secret: %q}, {certificate_file: %q}]`,
		mistyped, cloudsim.ClientSecret, s.dir+"/absent.pem")
	r := s.run("doctor", "--config", s.config(row(contoso, "contoso")), "--config", over)
	assert.Equal(t, 1, r.status)
	assert.Contains(t, r.stdout, "2 work, 0 problems. 2 wrong with credentials or the clock.")
	assert.Regexp(t, `(?s)1 +client_secret +fails.*AADSTS7000215`, r.stdout)
	assert.Regexp(t, `2 +client_secret +ok`, r.stdout)
	assert.Regexp(t, `(?s)3 +certificate_file +fails.*absent\.pem`, r.stdout)
	assert.Less(t, strings.Index(r.stdout, "Credentials"), strings.Index(r.stdout, "Works"), "problems first")
}

// A certificate that still works is a problem in its last 30 days.
func TestDoctorWarnsOfACertificateThatEndsSoon(t *testing.T) {
	for days, want := range map[int]struct {
		status int
		state  string
	}{29: {1, "ends soon"}, 31: {0, "ok"}} {
		s := newStage(t, cloudsim.Options{})
		s.cloud.AddTenant(contoso, "contoso")
		certificate, path := s.certificate(time.Duration(days)*24*time.Hour + time.Hour)
		s.cloud.Entra.SetApp(entra.App{ClientID: cloudsim.ClientID, Certificates: []*x509.Certificate{certificate}})
		r := s.run("doctor", "--config", s.config(row(contoso, "contoso")),
			"--config", fmt.Sprintf("yaml:extensions::entra_auth::application::credentials: [{certificate_file: %q}]", path))
		assert.Equal(t, want.status, r.status, r.stdout)
		assert.Regexp(t, fmt.Sprintf(`certificate_file +%s +%s, in %d days`, want.state, certificate.NotAfter.Format(time.DateOnly), days), r.stdout)
		assert.Equal(t, want.status == 1, strings.Contains(r.stdout, "→ The provider registers a new certificate"))
	}
}

// certificate makes one with its key, and writes both.
func (s *stage) certificate(life time.Duration) (*x509.Certificate, string) {
	s.t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(s.t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(life)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(s.t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(s.t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(s.t, err)
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	text = append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
	return certificate, s.write("app.pem", string(text))
}

// The clock of this machine is wrong where every API says so; one API alone may be wrong itself.
func TestDoctorHoldsTheClockAgainstTheAPIs(t *testing.T) {
	behind := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
		w.Header().Set("x-ms-throttle-limit-percentage", "0.9")
		_, _ = w.Write([]byte(`{"value":[]}`))
	}))
	t.Cleanup(behind.Close)
	s := newStage(t, cloudsim.Options{})
	s.cloud.AddTenant(contoso, "contoso")
	args := []string{
		"doctor", "--config", s.config(row(contoso, "contoso")),
		"--config", "yaml:receivers::defender::sources::graph_alerts::endpoint: " + behind.URL,
	}
	assert.Zero(t, s.run(args...).status)
	r := s.run(append(args, "--source", "graph_alerts")...)
	assert.Equal(t, 1, r.status)
	assert.Regexp(t, `The clock of this machine differs from the APIs' by (1h0m\d|59m5\d)s\.`, r.stdout)
	assert.Contains(t, r.stdout, "→ The provider sets the clock of this machine")
	assert.Contains(t, r.stdout, "150/min (90% used)")
}

func TestDoctorChecksHundredsOfTenantsInParallel(t *testing.T) {
	const tenants, parallel = 200, 8
	s := newStage(t, cloudsim.Options{})
	var rows []string
	for i := range tenants {
		id, name := fmt.Sprintf("aaaaaaaa-0000-4000-8000-%012d", i+1), fmt.Sprintf("tenant-%03d", i+1)
		s.cloud.AddTenant(id, name)
		rows = append(rows, row(id, name))
	}
	r := s.runIn(t.Context(), terminal.Output{Terminal: true}, "doctor", "--config", s.config(rows...), "--parallel", fmt.Sprint(parallel))
	assert.Zero(t, r.status)
	assert.Contains(t, r.stdout, "200 tenants, 400 checks: 400 work, 0 problems.")
	assert.Contains(t, r.stderr, "400 of 400 checks")
	assert.True(t, strings.HasSuffix(r.stderr, "\r\x1b[K"), "the bar is taken away")
	for _, a := range []api.API{api.Endpoint, api.Graph} {
		assert.Len(t, s.cloud.API.Requests("", a), tenants)
	}

	// The same trouble everywhere is said once.
	s.cloud.Entra.SetApp(entra.App{ClientID: cloudsim.ClientID, Secrets: []string{"renewed"}})
	r = s.run("doctor", "--config", filepath.Join(s.dir, "config.yaml"))
	assert.Equal(t, 1, r.status)
	assert.Equal(t, 1, strings.Count(r.stdout, "→ The provider must give the collector a valid secret"))
	assert.Contains(t, r.stdout, "… and 380 more with the same reason (--json lists all)")
	assert.Less(t, strings.Count(r.stdout, "\n"), 60)
}

func TestDoctorThatIsInterruptedShowsWhatItKnows(t *testing.T) {
	s := newStage(t, cloudsim.Options{})
	for id, name := range map[string]string{contoso: "contoso", fabrikam: "fabrikam"} {
		s.cloud.AddTenant(id, name)
	}
	s.cloud.API.Inject(api.Rule{Tenant: fabrikam, Faults: []api.Fault{api.Hang()}})
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	config := s.config(row(contoso, "contoso"), row(fabrikam, "fabrikam"))
	v := s.visitOn(ctx, terminal.Output{Terminal: true, Width: terminal.Width}, "doctor", "--config", config)
	require.Eventually(t, func() bool { return strings.Contains(v.stderr.String(), "2 of 4 checks") }, time.Minute, time.Millisecond)
	interrupt()
	assert.Equal(t, 130, v.end())
	assert.Regexp(t, `contoso +graph_alerts +SecurityAlert.Read.All`, v.stdout)
	assert.Contains(t, v.stdout.String(), "2 not checked.")
	assert.Contains(t, v.stderr.String(), "interrupted")
}

func TestDoctorLogsAtVerboseWithoutSecrets(t *testing.T) {
	s, config := customers(t)
	r := s.run("doctor", "--config", config, "--verbose")
	assert.Contains(t, r.stderr, "A credential of the application "+wingtipApp+" does not work")
}

func TestColoursAreForTerminals(t *testing.T) {
	s, config := customers(t)
	r := s.runIn(t.Context(), terminal.Output{Terminal: true, Colour: true}, "doctor", "--config", config)
	assert.Contains(t, r.stdout, "\x1b[31mnot_consented\x1b[0m")
	plain := regexp.MustCompile(`\x1b\[\d+m`).ReplaceAllString(r.stdout, "")
	assert.Equal(t, s.stable(s.run("doctor", "--config", config).stdout), s.stable(plain), "colours change no column")
}
