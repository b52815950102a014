package e2e_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

func TestASinkThatRefusesForAWhileLosesNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t, 3)
	s.generate(50, time.Hour)
	s.sink.refuse(http.StatusServiceUnavailable)
	first := s.start()
	s.eventually("refusals", func() bool { return s.sink.refusals() >= 6 })
	s.eventually("a line that says so", func() bool { return len(first.logged(fails, line{"reason": "pipeline_refused"})) >= 6 })
	first.terminate()

	second := s.start()
	s.eventually("more refusals", func() bool { return s.sink.refusals() >= 12 })
	s.generate(20, time.Second)
	s.sink.refuse(0)
	s.arrived(s.tenants...)
	second.terminate()
	s.arrivedOnce()
}

// What a pipeline will never take is not sent again; the log has the id of every one of them.
func TestRecordsThatTheSinkNeverTakesAreAllNamed(t *testing.T) {
	t.Parallel()
	s := newStage(t, 1)
	s.generate(1_500, time.Hour)
	s.sink.refuse(http.StatusBadRequest)
	c := s.start()
	named := func() map[version]int {
		ids := map[version]int{}
		for _, l := range c.logged("The pipeline refused records for good", nil) {
			list, _ := l["ids"].([]any)
			for _, id := range list {
				ids[version{tenantID: l.text("azure.tenant.id"), source: l.text("source"), id: id.(string)}]++
			}
		}
		return ids
	}
	s.eventually("all ids", func() bool { return len(named()) == 2*1_500 })
	s.sink.refuse(0)
	s.cloud.World.Put(s.tenants[0].id, world.Alert{ID: "later"})
	s.eventually("a later alert in both sources", func() bool { return s.sink.count() >= 2 })
	c.terminate()
	for key, n := range named() {
		assert.Equal(t, 1, n, key)
	}
	for _, got := range s.sink.all() {
		assert.Equal(t, "later", got.id)
	}
}
