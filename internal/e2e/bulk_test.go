package e2e_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// maxMemory is far above what streaming needs, and far below what pages held as decoded trees would.
const maxMemory = 400 << 20

func TestAFirstPollOfThousandsArrivesOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t, 1)
	s.bulk(world.EndpointAlerts, 40_000)
	s.bulk(world.GraphAlerts, 5_000)
	c := s.start()
	begun := time.Now()
	s.eventually("45,000 alerts", func() bool { return s.sink.count() >= 45_000 })
	took := time.Since(begun)
	s.polled(2, s.tenants...)
	peak := c.peakMemory()
	c.terminate()
	t.Logf("45,000 alerts in %s, %d MiB at the most", took.Round(time.Millisecond), peak>>20)
	assert.Less(t, peak, maxMemory)

	a := s.audit(s.sink.all())
	a.genuine()
	a.complete(everything)
	a.once()
	s.withinQuotas()
}

// bulk puts n alerts of one source, updated at any time of the last 23 hours, into the first tenant.
func (s *stage) bulk(source world.Source, n int) {
	alerts := make([]world.Alert, n)
	begin, step := time.Now().Add(-23*time.Hour), 23*time.Hour/time.Duration(n)
	for i := range alerts {
		alerts[i] = world.Alert{Sources: []world.Source{source}, Updated: begin.Add(time.Duration(i) * step), Revision: i % 3}
	}
	s.cloud.World.Put(s.tenants[0].id, alerts...)
}
