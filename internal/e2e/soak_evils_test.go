package e2e_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/api"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/entra"
)

// evil is one thing that goes wrong.
type evil struct {
	name string
	do   func()
}

func (s *soaking) evils() []evil {
	evils := []evil{
		{"consent taken", s.takeConsent},
		{"consent given", s.giveConsent},
		{"tokens revoked", func() { s.cloud.Entra.Revoke(s.anyone().id) }},
		{"tenant removed", s.removeTenant},
		{"tenant added", s.addTenants},
		{"broken tenants file", func() { s.write("tenants.yaml", "tenants: [{id: ") }},
		{"slow sink", func() { s.sink.slow(time.Duration(s.random.IntN(100)) * time.Millisecond) }},
		{"refusing sink", func() { s.sink.refuse(http.StatusServiceUnavailable) }},
		{"hanging sink", func() { s.sink.refuse(hangs) }},
	}
	// More often well than not: nothing else could be seen to work.
	for range 3 {
		evils = append(evils, evil{"sink well", func() { s.sink.slow(0); s.sink.refuse(0) }}, evil{"tenants file well", s.relist})
	}
	for _, f := range []entra.Fault{
		{Status: http.StatusInternalServerError},
		{Status: http.StatusTooManyRequests, RetryAfter: "1"},
		{Code: "AADSTS7000215", Status: http.StatusUnauthorized},
		{Code: "AADSTS53003"},
		{Code: "AADSTS90033"},
		{Body: "<html>proxy</html>"},
		{Body: `{"access_token":"cut`},
		{Delay: time.Second},
		{Hang: true},
	} {
		f.Times = 3
		evils = append(evils, evil{"fault of Entra", func() { s.cloud.Entra.SetFault(s.anyone().id, f) }})
	}
	for _, f := range s.faults() {
		evils = append(evils, evil{f.Name, func() { s.inject(f) }})
	}
	return evils
}

// faults are those of the APIs after which every record that was delivered is one that there was.
func (s *soaking) faults() []api.Fault {
	return []api.Fault{
		api.Status(500), api.Status(503), api.Status(504), api.Status(401), api.Status(403), api.Throttled("1"), api.Throttled(""),
		api.Refusal(400, "BadRequest", "not now"), api.HTML(), api.Body(""), api.Body("[]"), api.Redirect(s.cloud.ElsewhereURL()),
		api.Hang(), api.Reset(), api.Delay(time.Second), api.Truncated(), api.BrokenOff(), api.NullValue(), api.NoValue(),
		api.ForeignNextLink(s.cloud.ElsewhereURL() + "/more"), api.WithBadRecords(api.BadRecords()...), api.ContentType("text/plain"),
		api.Gzip(), api.Drip(512, time.Millisecond), api.IgnoreFilter(), api.ServerPages(7), api.NextLinks(), api.OldestFirst(), api.Shuffled(7),
	}
}

// inject lets the next requests of a tenant, or of any, meet a fault.
func (s *soaking) inject(f api.Fault) {
	rule := api.Rule{Source: s.sources[s.random.IntN(len(s.sources))], Tenant: s.anyone().id, Times: 1 + s.random.IntN(6), Faults: []api.Fault{f}}
	if s.random.IntN(3) == 0 {
		rule.Tenant = ""
	}
	s.cloud.API.Inject(rule)
}

func (s *soaking) anyone() tenant { return s.tenants[s.random.IntN(len(s.tenants))] }

func (s *soaking) takeConsent() { s.cloud.Entra.SetTenant(entra.Tenant{ID: s.anyone().id}) }

func (s *soaking) giveConsent() {
	for _, tn := range s.tenants {
		s.cloud.Entra.SetTenant(cloudsim.Consented(tn.id))
	}
}

// removeTenant leaves most of them.
func (s *soaking) removeTenant() {
	if tn := s.anyone(); len(s.listed) > len(s.tenants)*3/4 {
		delete(s.listed, tn.id)
		s.relist()
	}
}

func (s *soaking) addTenants() {
	for _, tn := range s.tenants {
		s.listed[tn.id] = tn
	}
	s.relist()
}

func (s *soaking) relist() {
	rows := slices.Collect(maps.Values(s.listed))
	s.list(rows...)
}

// reload has the collector read its configuration again, which replaces every component, and waits until it has: a
// tenants file that is broken just then would end it, as at any start.
func (s *soaking) reload() {
	s.sink.slow(0)
	s.sink.refuse(0)
	s.relist()
	s.done["reload"]++
	begun := func() int { return strings.Count(s.c.stderr.String(), "Everything is ready") }
	before := begun()
	require.NoError(s.t, s.c.cmd.Process.Signal(syscall.SIGHUP))
	s.eventually("the collector to begin anew", func() bool { return begun() > before })
}

// calm ends everything that goes wrong.
func (s *soaking) calm() {
	s.cloud.API.Heal()
	for _, tn := range s.tenants {
		s.cloud.Entra.SetFault(tn.id, entra.Fault{})
	}
	s.giveConsent()
	s.sink.slow(0)
	s.sink.refuse(0)
	s.addTenants()
}
