package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

const sentinel = "sentinel.yaml"

// quickly makes an exporter try again at once, so that a test need not wait. How often it tries is not changed.
func quickly(exporter string) string {
	return "exporters: {" + exporter + ": {retry_on_failure: {initial_interval: 100ms, max_interval: 1s}}}"
}

// queueOf makes an exporter's queue smaller, so that a test fills it.
func queueOf(exporter string, size int) string {
	return fmt.Sprintf("exporters: {%s: {sending_queue: {queue_size: %d}}}", exporter, size)
}

// newSentinel is the stage of sentinel.yaml with alerts in its tenants.
func newSentinel(t *testing.T, alerts int) (*stage, *azureMonitor, map[string]string) {
	t.Helper()
	s := newShippedStage(t, "provider", "contoso")
	s.generate(alerts, 20*time.Hour)
	azure := newAzureMonitor(t, s.cloud, s.tenants[0].id, "dcr-0123456789abcdef")
	return s, azure, map[string]string{"AZURE_OTLP_LOGS_URL": azure.logsURL()}
}

func TestSentinelGetsEveryFieldOfEveryAlert(t *testing.T) {
	t.Parallel()
	s, azure, env := newSentinel(t, 400)
	made := s.made(sentinel, env)
	c := s.startShipped(sentinel, env, azure.trusting(s, "otlp_http"))
	azure.complete(s, made)
	c.terminate()
	assert.Zero(t, whole(t, made, azure.arrived()))
	azure.unfailing()
	assert.Greater(t, azure.requests, 2, "there was more than one request takes")
	assert.Empty(t, c.logged("", line{"level": "error"}))
}

// None of these refusals is about the records.
func TestSentinelKeepsWhatAzureRefusesForAWhile(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		over string
		said bool
	}{
		"as it is":         {said: true},
		"entra_auth alone": {over: "exporters: {otlp_http: {middlewares: []}}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := keepsWhatAzureRefuses(t, tt.over)
			assert.Equal(t, tt.said, len(c.logged(refuses, nil)) > 0)
		})
	}
}

func keepsWhatAzureRefuses(t *testing.T, over string) *collector {
	t.Helper()
	s, azure, env := newSentinel(t, 100)
	made := s.made(sentinel, env)
	azure.grant(false)
	azure.refuse(
		azureRefusal{status: http.StatusInternalServerError}, azureRefusal{status: http.StatusNotFound}, azureRefusal{status: http.StatusRequestTimeout},
		azureRefusal{http.StatusTooManyRequests, "2"}, azureRefusal{http.StatusServiceUnavailable, "1"}, azureRefusal{status: http.StatusBadGateway},
	)
	c := s.startShipped(sentinel, env, azure.trusting(s, "otlp_http"), quickly("otlp_http"), over)
	s.eventually("refusals for want of the role", func() bool { return azure.refusedWith(http.StatusForbidden) >= 3 })
	azure.grant(true)
	azure.complete(s, made)

	s.cloud.Entra.Revoke(s.tenants[0].id) // the exporter's token is of this tenant
	s.generate(20, time.Minute)
	made = s.made(sentinel, env)
	azure.complete(s, made)
	c.terminate()
	assert.Zero(t, whole(t, made, azure.arrived()))
	azure.unfailing(401, 403, 500, 404, 408, 429, 503, 502)
	assert.NotEmpty(t, c.logged("Exporting failed. Will retry", nil))
	assert.Empty(t, c.logged("Dropping data", nil))
	return c
}

func TestSentinelThatIsDownLosesNothingToAKill(t *testing.T) {
	t.Parallel()
	s, azure, env := newSentinel(t, 1_000)
	made := s.made(sentinel, env)
	trusting := azure.trusting(s, "otlp_http")
	azure.down()
	first := s.startShipped(sentinel, env, trusting, quickly("otlp_http"), queueOf("otlp_http", 12_000_000))
	s.eventually("an attempt", func() bool { return len(first.logged("Exporting failed. Will retry", nil)) > 0 })
	s.eventually("a full queue", func() bool { return len(first.logged(fails, line{"reason": "pipeline_refused"})) > 0 })
	first.kill()
	azure.up()
	second := s.startShipped(sentinel, env, trusting, quickly("otlp_http"))
	azure.complete(s, made)
	second.terminate()
	t.Logf("%d repeats", whole(t, made, azure.arrived()))
	azure.unfailing()
}

// The log then says that it drops data, which is on disk.
func TestSentinelThatIsDownLosesNothingToAStop(t *testing.T) {
	t.Parallel()
	s, azure, env := newSentinel(t, 100)
	made := s.made(sentinel, env)
	trusting := azure.trusting(s, "otlp_http")
	azure.down()
	first := s.startShipped(sentinel, env, trusting)
	s.eventually("an attempt", func() bool { return len(first.logged("Exporting failed. Will retry", nil)) > 0 })
	s.polled(2, s.tenants...)
	first.terminate()
	for _, dropped := range first.logged("Dropping data", nil) {
		assert.Contains(t, dropped.text("error"), "interrupted due to shutdown")
	}
	azure.up()
	second := s.startShipped(sentinel, env, trusting)
	azure.complete(s, made)
	second.terminate()
	assert.Zero(t, whole(t, made, azure.arrived()))
	azure.unfailing()
}

// What Azure does not understand is lost with what is in the same request, and said.
func TestSentinelSaysWhatAzureDoesNotUnderstand(t *testing.T) {
	t.Parallel()
	s, azure, env := newSentinel(t, 5)
	azure.poison = "not to be understood"
	s.cloud.World.Put(s.tenants[1].id, world.Alert{Title: azure.poison})
	c := s.startShipped(sentinel, env, azure.trusting(s, "otlp_http"))
	s.eventually("the refusal", func() bool { return azure.refusedWith(http.StatusBadRequest) > 0 })
	s.cloud.World.Put(s.tenants[0].id, world.Alert{ID: "later"})
	s.eventually("a later alert", func() bool {
		for _, r := range azure.arrived() {
			if r.Attributes["microsoft.defender.alert.id"] == "later" {
				return true
			}
		}
		return false
	})
	c.terminate()
	dropped := c.logged("Dropping data", nil)
	require.NotEmpty(t, dropped)
	assert.Contains(t, dropped[0].text("error"), "400")
	assert.NotZero(t, dropped[0]["dropped_items"])
}

func TestSentinelSaysWhatAzureRejects(t *testing.T) {
	t.Parallel()
	s, azure, env := newSentinel(t, 20)
	made := s.made(sentinel, env)
	azure.rejected = "to be rejected"
	s.cloud.World.Put(s.tenants[1].id, world.Alert{Title: azure.rejected, Sources: []world.Source{world.GraphAlerts}})
	c := s.startShipped(sentinel, env, azure.trusting(s, "otlp_http"))
	azure.complete(s, made)
	s.eventually("a line about it", func() bool { return len(c.logged("Partial success response", nil)) == 1 })
	c.terminate()
	assert.InDelta(t, 1, c.logged("Partial success response", nil)[0]["dropped_log_records"], 0)
	assert.Zero(t, whole(t, made, azure.arrived()))
	azure.unfailing()
}

// A record that no request can hold would take others of its batch with it.
func TestSentinelIsSparedWhatIsTooLarge(t *testing.T) {
	t.Parallel()
	s, azure, env := newSentinel(t, 50)
	made := s.made(sentinel, env)
	s.cloud.World.Put(s.tenants[1].id, world.Alert{
		Sources: []world.Source{world.GraphAlerts}, Members: map[string]any{"description": strings.Repeat("x", azureLimit)},
	})
	c := s.startShipped(sentinel, env, azure.trusting(s, "otlp_http"))
	azure.complete(s, made)
	s.eventually("a line about it", func() bool {
		return len(c.logged("A record cannot be used", line{"reason": "oversized"})) == 1
	})
	c.terminate()
	assert.Zero(t, whole(t, made, azure.arrived()))
	azure.unfailing()
}
