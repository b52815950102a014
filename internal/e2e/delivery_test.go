package e2e_test

import (
	"testing"
	"time"
)

func TestABacklogArrivesOnce(t *testing.T) {
	s := newStage(t, 3)
	s.generate(50, 20*time.Hour)
	c := s.start()
	s.arrived(s.tenants...)
	c.terminate()
	a := s.audit(s.sink.all())
	t.Log(s.sink.count(), len(a.ledger))
	a.genuine()
	a.complete(everything)
	a.once()
	s.withinQuotas()
}
