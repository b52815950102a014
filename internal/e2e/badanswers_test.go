package e2e_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/api"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

func TestAnswersThatAreNoPagesAreErrorsOfTheirTenantAlone(t *testing.T) {
	t.Parallel()
	faults := []struct {
		fault  api.Fault
		reason string
	}{
		{api.Truncated(), "not_a_page"},
		{api.BrokenOff(), "network"},
		{api.HTML(), "not_a_page"},
		{api.NoValue(), "not_a_page"},
		{api.NullValue(), "not_a_page"},
		{api.Body(`[]`), "not_a_page"},
		{api.Huge(8<<20, 1<<20), "answer_too_large"},
		{api.Reset(), "network"},
		{api.Drip(1, 100*time.Millisecond), "timeout"},
		{api.Status(503), "server_error"},
	}
	s := newStage(t, 1+len(faults))
	s.generate(20, time.Hour)
	healthy, broken := s.tenants[0], s.tenants[1:]
	for i, tn := range broken {
		s.cloud.API.Inject(api.Rule{Tenant: tn.id, Faults: []api.Fault{faults[i].fault}})
	}
	c := s.start(`receivers: {defender: {max_response_size: 2MiB, timeout: 2s}}`)
	s.arrived(healthy)
	for i, tn := range broken {
		for _, source := range s.sources {
			named := line{"tenant": tn.name, "azure.tenant.id": tn.id, "source": string(source), "reason": faults[i].reason}
			s.eventually(tn.name+" has "+faults[i].fault.Name, func() bool { return len(c.logged(fails, named)) > 0 })
			assert.NotEmpty(t, c.logged(fails, named)[0].text("action"))
		}
	}
	s.cloud.World.Put(healthy.id, world.Alert{})
	s.arrived(healthy)
	assert.Empty(t, c.logged(fails, line{"tenant": healthy.name}))

	s.cloud.API.Heal()
	s.arrived(s.tenants...)
	s.eventually("all work again", func() bool { return len(c.logged("works again", nil)) >= 2*len(broken) })
	c.terminate()
	a := s.audit(slices.DeleteFunc(s.sink.all(), func(a alert) bool { return strings.HasPrefix(a.id, "huge-") }))
	a.genuine()
	a.complete(everything)
	a.once()
}

func TestUnusableRecordsAreQuarantinedAndTheRestArrives(t *testing.T) {
	t.Parallel()
	s := newStage(t, 2)
	s.generate(20, time.Hour)
	for _, a := range []api.API{api.Endpoint, api.Graph} {
		s.cloud.API.Inject(api.Rule{Tenant: s.tenants[0].id, API: a, Times: 1, Faults: []api.Fault{api.WithBadRecords(api.BadRecords()...)}})
	}
	port := freePort(t)
	c := s.start(measured(port))
	s.arrived(s.tenants...)
	s.cloud.World.Put(s.tenants[0].id, world.Alert{})
	s.arrived(s.tenants...) // the cursor moves on

	quarantined := c.logged("A record cannot be used", nil)
	for _, source := range s.sources {
		reasons := map[string]int{}
		for _, l := range quarantined {
			if l.text("source") == string(source) && l.text("tenant") == s.tenants[0].name {
				reasons[l.text("reason")]++
			}
		}
		assert.Equal(t, map[string]int{
			"not_an_object": 1, "no_id": 1, "no_update_time": 2, "too_deep": 1, "foreign_tenant": 1,
		}, reasons, source)
		assert.InDelta(t, 6, sum(s.scrape(port), "otelcol_receiver_defender_quarantined", map[string]string{"source": string(source)}), 0)
	}
	assert.Len(t, quarantined, 12)
	assert.Empty(t, c.logged(fails, nil))
	c.terminate()
	s.arrivedOnce()
}
