package e2e_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/api"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

const smallPages = `receivers: {defender: {overlap: 30s, sources: {endpoint_alerts: {page_size: 50}, graph_alerts: {page_size: 50}}}}`

func TestHundredsOfRecordsOnOneTickArriveOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t, 1)
	one := s.tenants[0].id
	tick := time.Now().Add(-5 * time.Second).Truncate(time.Second) // read again by the next polls
	s.cloud.World.Generate(one, 300, tick, tick)
	for _, neighbor := range []time.Duration{-world.Tick, world.Tick, time.Microsecond, time.Millisecond} {
		s.cloud.World.Generate(one, 10, tick.Add(neighbor), tick.Add(neighbor))
	}
	c := s.start(smallPages)
	s.arrived(s.tenants...)
	for range 2 {
		s.cloud.World.Put(one, world.Alert{})
		s.arrived(s.tenants...) // by another poll
	}
	c.terminate()
	s.arrivedOnce()
}

func TestLateRecordsArriveOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t, 2)
	s.generate(10, time.Hour)
	c := s.start(smallPages)
	s.arrived(s.tenants...)
	s.polled(1, s.tenants...)
	last := time.Now().Add(5 * time.Second)
	for _, tn := range s.tenants {
		for late := range 20 {
			visible := time.Now().Add(time.Duration(late) * 250 * time.Millisecond)
			s.cloud.World.Put(tn.id, world.Alert{Updated: visible.Add(-time.Duration(late) * time.Second), VisibleFrom: visible})
		}
	}
	s.eventually("the last record", func() bool { return time.Now().After(last) })
	s.arrived(s.tenants...)
	s.polled(1, s.tenants...)
	c.terminate()
	s.arrivedOnce()
}

func TestVersionsThatChangeWhileTheyArePagedArriveOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t, 2)
	s.generate(120, time.Minute)
	s.cloud.API.Inject(api.Rule{Faults: []api.Fault{api.Delay(20 * time.Millisecond)}})
	s.cloud.API.Inject(api.Rule{API: api.Graph, Faults: []api.Fault{api.Shuffled(7)}})
	stop := s.live(world.Life{Interval: 20 * time.Millisecond, New: 0.2, Burst: 0.05})
	c := s.start(smallPages)
	s.polled(20, s.tenants...)
	stop()
	s.arrived(s.tenants...)
	c.terminate()

	a := s.audit(s.sink.all())
	a.genuine()
	a.once()
	replaced := a.replaced()
	a.complete(func(v *world.Version) bool { _, gone := replaced[v]; return !gone || v.Served() > 0 })
	require.NotEmpty(t, replaced, "versions changed")
}

// arrivedOnce compares the sink with a world in which no version was replaced.
func (s *stage) arrivedOnce() {
	s.t.Helper()
	a := s.audit(s.sink.all())
	a.genuine()
	a.complete(everything)
	a.once()
	s.withinQuotas()
}
