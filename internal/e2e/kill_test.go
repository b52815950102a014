package e2e_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/api"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

const (
	kills    = 10
	killPage = 100
)

// Whatever a process was doing when it was killed: what it had not delivered comes later, and what it had delivered
// without having noted it comes again with the same uid.
func TestKillingAgainAndAgainLosesNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t, 4)
	s.generate(1_500, 20*time.Hour)
	for _, a := range api.APIs() {
		s.cloud.API.SetQuota(a, api.Quota{}) // each process counts its own requests
	}
	s.sink.slow(100 * time.Millisecond)
	over := `receivers: {defender: {poll_interval: 1s, sources: {endpoint_alerts: {page_size: 100}, graph_alerts: {page_size: 100}}}}`
	stop := s.live(world.Life{Interval: 10 * time.Millisecond, New: 0.7, Late: 0.1, LateBy: 3 * time.Second, Burst: 0.05})

	random := rand.New(rand.NewPCG(1, 2))
	for i := range kills {
		c := s.start(over)
		s.awaitMoment(c, random, i)
		require.True(t, c.alive(), "it was killed, and did not end by itself")
		c.kill()
	}
	killed := s.sink.count()
	s.sink.slow(0)
	c := s.start(over)
	stop()
	s.arrived(s.tenants...)
	c.terminate()

	a := s.audit(s.sink.all())
	a.genuine()
	replaced := a.replaced()
	a.complete(func(v *world.Version) bool { _, gone := replaced[v]; return !gone })
	t.Logf("%d versions, %d records until the last kill, %d repeats after %d kills", len(a.arrived), killed, a.repeats(), kills)
	// A process notes a page when all of it is delivered: at most a page of each source of each tenant is not noted.
	assert.LessOrEqual(t, a.repeats(), kills*len(s.tenants)*len(s.sources)*killPage)
	assert.Greater(t, killed, 500, "there was something to interrupt")
}

// awaitMoment returns at a random moment of a process's life: at first at any, otherwise once it has delivered something.
func (s *stage) awaitMoment(c *collector, random *rand.Rand, i int) {
	s.t.Helper()
	if before := s.sink.count(); i%3 > 0 {
		s.eventually("deliveries", func() bool { return s.sink.count() > before })
	}
	select {
	case <-c.ended:
	case <-time.After(time.Duration(random.IntN(900)) * time.Millisecond):
	}
}
