package ctl_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim"
)

func TestHelp(t *testing.T) {
	s := newStage(t, cloudsim.Options{})
	overview := s.run("help")
	assert.Zero(t, overview.status)
	assert.Empty(t, overview.stderr)
	for _, name := range []string{"consent-url", "sign-in", "doctor"} {
		assert.Contains(t, overview.stdout, name)
		help := s.run(name, "--help")
		assert.Zero(t, help.status)
		assert.Equal(t, s.run("help", name), help)
		for _, part := range []string{"Usage: defenderctl " + name, "Examples:", "  defenderctl " + name + " --config", "--tenant NAME"} {
			assert.Contains(t, help.stdout, part)
		}
		for line := range strings.Lines(help.stdout) {
			assert.LessOrEqual(t, len([]rune(line)), 121, line)
		}
	}
	assert.Equal(t, "defenderctl 1.2.3\n", s.run("version").stdout)
	nothing := s.run()
	assert.Equal(t, 2, nothing.status)
	assert.Equal(t, overview.stdout, nothing.stderr)
}

// The sign-in of a user goes on in a new refresh token: whoever runs doctor must know that it stores one.
func TestDoctorSaysWhatItStores(t *testing.T) {
	s := newStage(t, cloudsim.Options{})
	page, err := os.ReadFile("../../docs/onboarding.md")
	require.NoError(t, err)
	for text, user := range map[string]string{
		s.run("doctor", "--help").stdout: "Run it as the user that the collector runs as",
		string(page):                     "run it as the collector's user",
	} {
		text = strings.Join(strings.Fields(text), " ")
		assert.Contains(t, text, "renews the refresh token and stores the new one, as the collector does")
		assert.Contains(t, text, user)
		assert.NotContains(t, text, "changes nothing.")
	}
}

// Each mistake is one sentence that says what to do.
func TestWhatCannotBeUsedIsOneSentence(t *testing.T) {
	s := newStage(t, cloudsim.Options{})
	config := s.config(row(contoso, "contoso"))
	over := func(text string) []string { return []string{"--config", config, "--config", "yaml:" + text} }
	tests := map[string]struct {
		args []string
		want string
	}{
		"no such command":    {[]string{"check"}, `there is no command "check": see defenderctl help`},
		"no help":            {[]string{"help", "check"}, `there is no command "check"`},
		"no configuration":   {[]string{"doctor"}, "--config FILE is missing"},
		"no such flag":       {[]string{"doctor", "--tenants", "x"}, "flag provided but not defined: -tenants: see defenderctl doctor --help"},
		"an argument":        {[]string{"doctor", "--config", config, "contoso"}, `doctor takes no argument "contoso"`},
		"an empty tenant":    {[]string{"doctor", "--tenant", ""}, "takes a value"},
		"no such file":       {[]string{"doctor", "--config", "absent.yaml"}, "absent.yaml"},
		"not YAML":           {[]string{"doctor", "--config", "yaml:["}, "yaml"},
		"too parallel":       {[]string{"doctor", "--parallel", "1000"}, "--parallel takes a number from 1 to 256"},
		"no such tenant":     {[]string{"doctor", "--config", config, "--tenant", "adatum"}, "--tenant adatum: no enabled tenant"},
		"no such source":     {[]string{"doctor", "--config", config, "--source", "alerts"}, "--source alerts: no defender receiver"},
		"an unknown key":     {append([]string{"doctor"}, over("extensions::entra_auth::tenant: []")...), "extensions::entra_auth"},
		"a bad value":        {append([]string{"doctor"}, over("receivers::defender::poll_interval: 30")...), "`poll_interval` takes a duration of at least 1s"},
		"no extension":       {append([]string{"doctor"}, over("service::extensions: [health_check]")...), "no entra_auth extension"},
		"another extension":  {append([]string{"doctor"}, over("receivers::defender::auth::authenticator: entra_auth/x")...), "`auth` names entra_auth/x"},
		"a missing one":      {append([]string{"doctor"}, over("service::extensions: [entra_auth, entra_auth/x]")...), "service names entra_auth/x"},
		"no receiver":        {append([]string{"doctor"}, over("service::pipelines::logs::receivers: [otlp]")...), "no pipeline of the configuration has a defender receiver"},
		"no service":         {[]string{"doctor", "--config", "yaml:extensions: {}"}, "has no service section"},
		"two kinds of links": {[]string{"consent-url", "--general", "--tenant", "contoso"}, "--general and --tenant exclude each other"},
		"no redirect URI":    {[]string{"consent-url", "--redirect-uri", "localhost"}, "--redirect-uri takes a URI"},
		"wait for any":       {[]string{"consent-url", "--wait", "--general"}, "--wait goes with"},
		"no one to sign in":  {[]string{"sign-in", "--config", config}, "--tenant NAME is to be given once"},
		"no user signs in":   {[]string{"sign-in", "--config", config, "--tenant", "contoso"}, "set `sign_in: delegated`"},
		"nobody signs in":    {[]string{"sign-in", "--config", config, "--tenant", "adatum"}, "--tenant adatum: no enabled tenant"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := s.run(tt.args...)
			assert.Equal(t, 2, r.status)
			assert.Empty(t, r.stdout)
			assert.Contains(t, r.stderr, tt.want)
			assert.Equal(t, 1, strings.Count(r.stderr, "\n"), r.stderr)
			assert.True(t, strings.HasPrefix(r.stderr, "defenderctl: "), r.stderr)
		})
	}
	assert.Empty(t, s.cloud.Entra.Requests(), "nothing was asked")
}

// A mistake in the list of tenants is that of the collector, without the secrets in it.
func TestATenantsFileThatCannotBeUsed(t *testing.T) {
	s := newStage(t, cloudsim.Options{})
	for _, rows := range []string{"  - {id: x}\n", "  - {id: " + contoso + ", client_secret: " + mistyped + "}\n", "  - [" + mistyped + "\n"} {
		config := s.config(rows)
		for _, command := range []string{"doctor", "consent-url"} {
			r := s.run(command, "--config", config)
			assert.Equal(t, 2, r.status)
			assert.Contains(t, r.stderr, "tenants.yaml")
		}
	}
}

func TestEnvironmentAndFilesAreExpanded(t *testing.T) {
	s := newStage(t, cloudsim.Options{})
	s.cloud.AddTenant(contoso, "contoso")
	t.Setenv("CTL_CLIENT_ID", cloudsim.ClientID)
	secret := s.write("secret", cloudsim.ClientSecret)
	over := "yaml:extensions::entra_auth::application: {client_id: \"${env:CTL_CLIENT_ID}\", credentials: [{client_secret: \"${file:" + secret + "}\"}]}"
	assert.Zero(t, s.run("doctor", "--config", s.config(row(contoso, "contoso")), "--config", over).status)

	over = "yaml:extensions::entra_auth::application::credentials: [{client_secret: \"${env:CTL_ABSENT}\"}]"
	r := s.run("doctor", "--config", s.config(row(contoso, "contoso")), "--config", over)
	assert.Equal(t, 2, r.status)
	assert.Contains(t, r.stderr, "CTL_ABSENT", "the variable that is not set is named")
}
