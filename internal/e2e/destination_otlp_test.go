package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	refuses    = "A destination refuses what it is sent"
	takesAgain = "A destination takes again what it is sent"
)

// refusedStage is a backend that refuses what privacy.yaml sends, and the overlay that leads there.
type refusedStage struct {
	*stage
	backend *otlpBackend
	env     map[string]string
	place   string
}

const (
	otlpToken    = "the-token-that-has-ended"
	newOTLPToken = "the-token-in-its-place"
)

func newRefusedStage(t *testing.T, status int) *refusedStage {
	t.Helper()
	s := &refusedStage{stage: newShippedStage(t, "contoso"), backend: newOTLPBackend(t)}
	s.generate(20, time.Hour)
	s.backend.refuse(status)
	s.env = map[string]string{"OTLP_ENDPOINT": s.backend.url(), "PRIVACY_HMAC_KEY": strings.Repeat("k", 32)}
	s.place = `exporters: {otlp_http: {tls: {ca_file: "` + s.backend.caFile(s.dir) + `"}, headers: {authorization: Bearer ` + otlpToken + `}}}`
	return s
}

func (s *refusedStage) begin(over ...string) *collector {
	s.t.Helper()
	return s.startShipped("privacy.yaml", s.env, append([]string{s.place, quickly("otlp_http")}, over...)...)
}

// wanted are the records that privacy.yaml lets through.
func (s *refusedStage) wanted() map[string]record {
	s.t.Helper()
	wanted := having(s.made("privacy.yaml", s.env), func(r record) bool { return !noise(r) })
	require.NotEmpty(s.t, wanted)
	return wanted
}

// complete waits until all of them have arrived, and counts what came again.
func (s *refusedStage) complete(wanted map[string]record) (repeats int) {
	s.t.Helper()
	s.eventually("all records", func() bool { return lacking(wanted, s.backend.arrived()) == 0 })
	return len(s.backend.arrived()) - len(wanted)
}

// By itself otlp_http takes each of these for the last word, and the redirect for a delivery.
func TestAnOTLPBackendThatRefusesForAWhileGetsEverything(t *testing.T) {
	t.Parallel()
	for _, status := range []int{
		http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusRequestTimeout, http.StatusInternalServerError, http.StatusFound,
	} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			t.Parallel()
			s := newRefusedStage(t, status)
			c := s.begin()
			s.eventually("refusals", func() bool { return s.backend.refusals() >= 5 })
			s.generate(10, time.Minute)
			s.polled(2, s.tenants...)
			wanted := s.wanted()
			s.backend.refuse(0)
			repeats := s.complete(wanted)
			s.eventually("a line about it", func() bool { return len(c.logged(takesAgain, nil)) == 1 })
			c.terminate()
			assert.Zero(t, repeats)
			said := c.logged(refuses, nil)
			require.Len(t, said, 1)
			assert.Equal(t, "warn", said[0].text("level"))
			assert.Equal(t, s.backend.url(), said[0].text("destination"))
			assert.InDelta(t, status, said[0]["status"], 0)
			assert.NotEmpty(t, said[0].text("action"))
			assert.Equal(t, "not with [REDACTED]", said[0].text("answer"))
			assert.NotContains(t, c.stderr.String()+c.stdout.String(), otlpToken)
			assert.Empty(t, c.logged("Dropping data", nil))
			assert.Empty(t, c.logged("", line{"level": "error"}))
		})
	}
}

func TestAnOTLPBackendThatRefusesLosesNothingToAKill(t *testing.T) {
	t.Parallel()
	s := newRefusedStage(t, http.StatusUnauthorized)
	for range 3 {
		c := s.begin()
		s.eventually("refusals", func() bool { return s.backend.refusals() >= 3 })
		s.generate(10, time.Minute)
		s.polled(2, s.tenants...)
		c.kill()
		s.backend.refuse(http.StatusForbidden)
	}
	wanted := s.wanted()
	s.backend.refuse(0)
	c := s.begin()
	t.Logf("%d repeats", s.complete(wanted))
	c.terminate()
}

// A token ends, and whoever is on call puts in another one: what waited on disk goes out with it.
func TestANewTokenSendsWhatWaited(t *testing.T) {
	t.Parallel()
	s := newShippedStage(t, "provider", "contoso")
	s.generate(100, 20*time.Hour)
	made := s.made(sentinel, nil) // of the same tenants
	backend := newOTLPBackend(t)
	backend.require("Bearer " + newOTLPToken)
	list := filepath.Join(s.dir, "tenants.yaml")
	rows := "tenants:\n"
	for _, tn := range s.tenants {
		rows += "  - {id: " + tn.id + ", name: " + tn.name + "}\n"
	}
	require.NoError(t, os.WriteFile(list, []byte(rows), 0o600))
	here := fmt.Sprintf(`
extensions:
  entra_auth: {application: {credentials: [{client_secret: "${env:DEFENDER_CLIENT_SECRET}"}]}, tenants_file: %s}
  health_check: {endpoint: "localhost:%d"}
exporters: {otlp_http: {tls: {ca_file: %s}}}`, list, freePort(t), backend.caFile(s.dir))
	begin := func(token string) *collector {
		return s.startShipped("many-tenants.yaml", map[string]string{"OTLP_ENDPOINT": backend.url(), "OTLP_TOKEN": token}, here, quickly("otlp_http"))
	}

	first := begin(otlpToken)
	s.eventually("refusals", func() bool { return backend.refusals() >= 3 })
	s.polled(2, s.tenants...)
	first.kill()
	require.Len(t, first.logged(refuses, line{"status": float64(http.StatusUnauthorized)}), 1)
	second := begin(newOTLPToken)
	s.eventually("all records", func() bool { return lacking(made, backend.arrived()) == 0 })
	second.terminate()
	t.Logf("%d repeats", whole(t, made, backend.arrived()))
	assert.NotContains(t, first.stderr.String()+second.stderr.String(), otlpToken)
}

// A stop while a backend refuses ends in time, and says that it drops data, which is on disk.
func TestAnOTLPBackendThatRefusesLosesNothingToAStop(t *testing.T) {
	t.Parallel()
	s := newRefusedStage(t, http.StatusNotFound)
	wanted := s.wanted()
	first := s.begin()
	s.eventually("refusals", func() bool { return s.backend.refusals() >= 3 })
	s.polled(2, s.tenants...)
	first.terminate()
	for _, dropped := range first.logged("Dropping data", nil) {
		assert.Contains(t, dropped.text("error"), "interrupted due to shutdown")
	}
	s.backend.refuse(0)
	second := s.begin()
	assert.Zero(t, s.complete(wanted))
	second.terminate()
}

// As in postgres-failover.yaml.
func TestWithoutAQueueTheReceiverReadsAgainWhatABackendRefuses(t *testing.T) {
	t.Parallel()
	s := newRefusedStage(t, http.StatusUnauthorized)
	wanted := s.wanted()
	c := s.begin(`exporters: {otlp_http: {sending_queue: {enabled: false}, retry_on_failure: {enabled: false}}}`)
	s.eventually("a line about it", func() bool { return len(c.logged(fails, line{"reason": "pipeline_refused"})) > 0 })
	assert.Len(t, c.logged(refuses, nil), 1)
	s.backend.refuse(0)
	assert.Zero(t, s.complete(wanted))
	c.terminate()
	assert.Empty(t, c.logged("for good", nil))
}
