package e2e_test

import (
	"testing"
	"time"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

func TestSplunkThin(t *testing.T) {
	t.Parallel()
	s := newDestinationStage(t, world.EndpointAlerts)
	s.generate(5, time.Hour)
	sp := newSplunk(s)
	c := s.startConfiguration("zz.yaml")
	s.eventually("events", func() bool { return len(sp.events()) >= 10 })
	for _, e := range sp.events() {
		t.Logf("%+v", e)
	}
	c.terminate()
}
