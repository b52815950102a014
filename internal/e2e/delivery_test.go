package e2e_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// live lets the world change until stop is called or the test ends. What becomes visible late is visible when stop
// returns.
func (s *stage) live(life world.Life) (stop func()) {
	ctx, cancel := context.WithCancel(s.t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.cloud.World.Run(ctx, life)
	}()
	s.t.Cleanup(func() {
		cancel()
		<-ended
	})
	return func() {
		cancel()
		<-ended
		if life.Late > 0 {
			<-time.After(life.LateBy)
		}
	}
}

// written waits until a file holds everything that the tenants show, except what an earlier one has.
func (s *stage) written(name string, before []alert) {
	s.t.Helper()
	s.eventually("all alerts in "+name, func() bool {
		seen := map[version]bool{}
		for _, alert := range append(slices.Clone(before), s.exported(name)...) {
			seen[alert.version] = true
		}
		return !slices.ContainsFunc(s.visible(s.tenants...), func(v version) bool { return !seen[v] })
	})
}

func TestAlertsOfManyTenantsArriveOnceAcrossARestart(t *testing.T) {
	t.Parallel()
	s := newStage(t, 30)
	s.generate(20, 20*time.Hour)
	stop := s.live(world.Life{Interval: 15 * time.Millisecond, New: 0.5, Late: 0.1, LateBy: 3 * time.Second, Burst: 0.05})

	first := s.start(toFile("first"))
	s.polled(4, s.tenants...)
	stopped := time.Now()
	first.terminate()
	before := s.exported("first")
	assert.Empty(t, first.logged("", line{"level": "error"}))

	second := s.start(toFile("second"))
	s.polled(1, s.tenants...)
	restarted := time.Now()
	s.polled(3, s.tenants...)
	stop()
	s.written("second", before)
	second.terminate()

	a := s.audit(append(before, s.exported("second")...))
	a.genuine()
	a.once()
	replaced := a.replaced()
	a.complete(func(v *world.Version) bool {
		until, gone := replaced[v]
		switch {
		case !gone, until.Sub(v.VisibleFrom) > longEnough:
			return true
		case v.Served() == 0:
			return false // no poll fell into its life
		default: // a poll that the restart broke off may have seen it
			return until.Before(stopped.Add(-time.Second)) || v.VisibleFrom.After(restarted)
		}
	})
	require.Greater(t, len(a.arrived), 30*20*2+500, "there was traffic")
	t.Logf("%d versions arrived, of %d that there were", len(a.arrived), len(a.ledger))
	s.withinQuotas()
}

// longEnough is a life that no restart and no pause between polls can hide.
const longEnough = 12 * time.Second

// replaced tells until when a version was visible, for those that are not any more.
func (a *audit) replaced() map[*world.Version]time.Time {
	until := map[*world.Version]time.Time{}
	latest := map[version]*world.Version{}
	for _, tn := range a.tenants {
		for _, source := range a.sources {
			for _, v := range a.world.Ledger(tn.id, source) {
				of := versionOf(v)
				of.updated = ""
				if before := latest[of]; before != nil {
					until[before] = v.VisibleFrom
				}
				latest[of] = v
			}
		}
	}
	return until
}

func TestAnUnchangedTenantEmitsNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t, 2)
	s.generate(50, 5*time.Minute)
	c := s.start()
	s.arrived(s.tenants...)
	s.polled(4, s.tenants...)
	c.terminate()
	assert.Equal(t, 2*2*50, s.sink.count())
	s.start()
	s.polled(3, s.tenants...)
	assert.Equal(t, 2*2*50, s.sink.count(), "nor after a restart")
}
