package e2e_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
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

// What agents send to the regional collector waits with the alerts while the central one refuses both.
func TestAGatewayKeepsWhatTheCentralCollectorRefuses(t *testing.T) {
	t.Parallel()
	const file, ofAgent = "gateway.yaml", "of-an-agent"
	s := newShippedStage(t, "contoso")
	s.generate(20, time.Hour)
	central := newOTLPBackend(t)
	central.refuse(http.StatusUnauthorized)
	env := map[string]string{"OTLP_ENDPOINT": central.url()}
	made := s.made(file, env)
	agents := freePort(t)
	here := fmt.Sprintf(`
receivers: {otlp: {protocols: {grpc: {endpoint: "localhost:0"}, http: {endpoint: "localhost:%d"}}}}
processors: {batch: {timeout: 0s}} # an agent's record is in the queue when it has its answer
exporters: {otlp_http: {tls: {ca_file: %s}}}`, agents, central.caFile(s.dir))
	begin := func() *collector { return s.startShipped(file, env, here, quickly("otlp_http")) }
	first := begin()
	s.eventually("an agent's record", func() bool { return sendOTLP(t, agents, ofAgent) })
	s.eventually("refusals", func() bool { return central.refusals() >= 5 })
	s.polled(1, s.tenants...)
	first.kill()
	central.refuse(0)
	second := begin()
	agent := map[string]record{ofAgent: {}}
	s.eventually("all of both", func() bool { return lacking(made, central.arrived()) == 0 && lacking(agent, central.arrived()) == 0 })
	second.terminate()
	alerts := slices.DeleteFunc(central.arrived(), func(r record) bool { return r.uid() == ofAgent })
	t.Logf("%d repeats", whole(t, made, alerts))
	assert.Empty(t, first.logged("Dropping data", nil))
	require.Len(t, first.logged(refuses, line{"status": float64(http.StatusUnauthorized)}), 1)
}

// sendOTLP sends a record with a uid as an agent does, and says whether it was taken.
func sendOTLP(t *testing.T, port int, uid string) bool {
	t.Helper()
	logs := plog.NewLogs()
	lr := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	lr.SetObservedTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	lr.Attributes().PutStr("log.record.uid", uid)
	text, err := plogotlp.NewExportRequestFromLogs(logs).MarshalProto()
	require.NoError(t, err)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, fmt.Sprintf("http://localhost:%d/v1/logs", port), bytes.NewReader(text))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/x-protobuf")
	resp, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode == http.StatusOK
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
