package e2e_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

var (
	mailAddress = regexp.MustCompile(`[\w.%+-]+@[\w.-]+\.[A-Za-z]{2,}`)
	ipv4Address = regexp.MustCompile(`\b\d{1,3}(\.\d{1,3}){3}\b`)
)

func TestNoPersonalDataLeavesTheHouse(t *testing.T) {
	t.Parallel()
	const file = "privacy.yaml"
	s := newShippedStage(t, "contoso")
	s.generate(200, 20*time.Hour)
	s.cloud.World.Put(s.tenants[0].id, world.Alert{Title: "Sign-in of someone@contoso.example from 203.0.113.7"})
	backend := newOTLPBackend(t)
	env := map[string]string{"OTLP_ENDPOINT": backend.url(), "PRIVACY_HMAC_KEY": strings.Repeat("k", 32)}
	made := s.made(file, env)
	kept := having(made, func(r record) bool { return !noise(r) })
	require.NotEmpty(t, kept)
	c := s.startShipped(file, env, `exporters: {otlp_http: {tls: {ca_file: "`+backend.caFile(s.dir)+`"}}}`)
	s.eventually("the records that matter", func() bool { return lacking(kept, backend.arrived()) == 0 })
	s.polled(1, s.tenants...)
	c.terminate()

	arrived := backend.arrived()
	require.Len(t, arrived, len(kept), "noise is dropped")
	hashes := map[string]string{}
	var wrong findings
	for _, got := range arrived {
		want := kept[got.uid()]
		text, err := json.Marshal(got)
		require.NoError(t, err)
		for _, key := range []string{"user.name", "host.name"} {
			name, _ := want.Attributes[key].(string)
			hash, _ := got.Attributes[key].(string)
			if name == "" {
				continue
			}
			if strings.Contains(string(text), name) || hash == "" || hashes[name] != "" && hashes[name] != hash {
				wrong.add("%s %q as %q in %s", key, name, hash, text)
			}
			hashes[name] = hash
		}
		for _, personal := range []*regexp.Regexp{mailAddress, ipv4Address} {
			if found := personal.Find(text); found != nil {
				wrong.add("%s in %s", found, text)
			}
		}
		for _, key := range []string{"microsoft.defender.assigned_to", "microsoft.defender.url"} {
			assert.NotContains(t, got.Attributes, key)
		}
		assert.NotContains(t, got.Resource, "customer.contact")
		assert.Equal(t, "production", got.Resource["deployment.environment.name"])
		assert.Equal(t, want.Attributes["microsoft.defender.alert.id"], got.Attributes["microsoft.defender.alert.id"])
		assert.Equal(t, want.Time, got.Time)
	}
	wrong.none(t, "personal data")
	assert.Greater(t, len(hashes), 5, "there were names")
}

// noise is what privacy.yaml does not send.
func noise(r record) bool {
	is := func(key, value string) bool {
		text, _ := r.Attributes[key].(string)
		return strings.EqualFold(text, value)
	}
	return is("microsoft.defender.classification", "falsePositive") ||
		r.SeverityNumber == plog.SeverityNumberInfo && is("microsoft.defender.status", "resolved")
}

// The first thing that anybody tries.
func TestTheSmallestConfigurationShowsAlertsOnTheTerminal(t *testing.T) {
	t.Parallel()
	s := newShippedStage(t, "contoso")
	ids := s.cloud.World.Put(s.tenants[0].id, world.Alert{Title: "First of all"}, world.Alert{Title: "Second to none"})
	c := s.startShipped("minimal.yaml", nil)
	s.eventually("both alerts", func() bool {
		shown := c.stderr.String() + c.stdout.String()
		return strings.Contains(shown, ids[0]) && strings.Contains(shown, ids[1]) && strings.Contains(shown, "First of all")
	})
	c.terminate()
}
