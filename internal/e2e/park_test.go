package e2e_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/api"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/entra"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

const (
	park         = 500
	parkInterval = 5 * time.Second
	ownApp       = "22222222-2222-4222-8222-222222222222"
	mistyped     = "mistyped~secret/of+a=customer"
)

// trouble is a way in which a tenant cannot be polled, with the words by which the log tells it.
type trouble struct {
	reason, action string
	make           func(s *stage, tn *tenant)
}

func troubles() []trouble {
	injected := func(fault api.Fault) func(*stage, *tenant) {
		return func(s *stage, tn *tenant) {
			s.cloud.API.Inject(api.Rule{Tenant: tn.id, Faults: []api.Fault{fault}})
		}
	}
	return []trouble{
		{"not_consented", "an administrator of the customer", func(s *stage, tn *tenant) {
			s.cloud.Entra.SetTenant(entra.Tenant{ID: tn.id})
		}},
		{"no_role", "an administrator of the customer", func(s *stage, tn *tenant) {
			s.cloud.Entra.SetTenant(entra.Tenant{ID: tn.id, Consented: true})
		}},
		{"application_credential", "the provider", func(s *stage, tn *tenant) {
			s.cloud.Entra.SetApp(entra.App{ClientID: ownApp, Secrets: []string{"the right secret of a customer"}})
			tn.more = ", application: {client_id: " + ownApp + ", credentials: [{client_secret: " + mistyped + "}]}"
		}},
		{"unknown_tenant", "the provider", func(s *stage, tn *tenant) { s.cloud.Entra.RemoveTenant(tn.id) }},
		{"server_error", "nobody", injected(api.Status(500))},
		{"not_a_page", "the provider", injected(api.HTML())},
	}
}

// Not parallel: it is about time, and keeps the machine busy by itself.
func TestFailingTenantsAreNamedAndDoNotDelayTheOthers(t *testing.T) {
	s := newStage(t, park)
	s.generate(2, time.Hour)
	var healthy []tenant
	failing := map[string]trouble{}
	for i := range s.tenants {
		if i%20 != 19 {
			healthy = append(healthy, s.tenants[i])
			continue
		}
		trouble := troubles()[i/20%len(troubles())]
		trouble.make(s, &s.tenants[i])
		failing[s.tenants[i].id] = trouble
	}
	s.list(s.tenants...)
	c := s.start(`receivers: {defender: {poll_interval: 5s}}`)
	s.arrived(healthy...)
	s.polled(3, healthy...)
	for _, tn := range healthy {
		s.cloud.World.Put(tn.id, world.Alert{})
	}
	s.arrived(healthy...)
	ended := time.Now()
	s.named(c, failing)
	c.terminate()

	oldest := s.oldestPoll(healthy, ended)
	t.Logf("no healthy tenant was left alone for longer than %s", oldest.Round(time.Millisecond))
	assert.Less(t, oldest, 3*parkInterval)
	a := s.audit(s.sink.all())
	a.genuine()
	a.once()
	s.withinQuotas()
}

// oldestPoll is how long before a time the tenant was polled that waits the longest.
func (s *stage) oldestPoll(tenants []tenant, at time.Time) (oldest time.Duration) {
	last := map[api.Asked]time.Time{}
	for _, r := range s.cloud.API.Requests("", "") {
		last[api.Asked{Tenant: r.Tenant, Source: r.Source}] = r.Started
	}
	for _, tn := range tenants {
		for _, source := range s.sources {
			oldest = max(oldest, at.Sub(last[api.Asked{Tenant: tn.id, Source: source}]))
		}
	}
	return oldest
}

// named requires one line for each source of each failing tenant, and none for others.
func (s *stage) named(c *collector, failing map[string]trouble) {
	s.t.Helper()
	s.eventually("a line for every failing tenant", func() bool { return len(c.logged(fails, nil)) >= 2*len(failing) })
	lines := map[version]int{}
	names := map[string]string{}
	for _, tn := range s.tenants {
		names[tn.id] = tn.name
	}
	for _, l := range c.logged(fails, nil) {
		id := l.text("azure.tenant.id")
		trouble := failing[id]
		lines[version{tenantID: id, source: l.text("source")}]++
		assert.Equal(s.t, names[id], l.text("tenant"))
		assert.Equal(s.t, trouble.reason, l.text("reason"))
		assert.Contains(s.t, l.text("action"), trouble.action)
	}
	for id, trouble := range failing {
		for _, source := range s.sources {
			assert.Equal(s.t, 1, lines[version{tenantID: id, source: string(source)}], "lines of %s in %s, which has the trouble %s", id, source, trouble.reason)
		}
	}
}
