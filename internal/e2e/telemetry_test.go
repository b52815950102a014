package e2e_test

import (
	"crypto/x509"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/api"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/entra"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

const (
	records    = "otelcol_receiver_defender_records"
	duplicates = "otelcol_receiver_defender_duplicates"
)

func TestAnUnchangedTenantCountsDuplicatesOnly(t *testing.T) {
	t.Parallel()
	s := newStage(t, 2)
	s.generate(50, 5*time.Minute) // within the overlap
	port := freePort(t)
	s.start(measured(port))
	s.arrived(s.tenants...)
	s.polled(1, s.tenants...)
	before := s.scrape(port)
	s.polled(3, s.tenants...)
	after := s.scrape(port)
	for _, source := range s.sources {
		of := map[string]string{"source": string(source)}
		assert.InDelta(t, 100, sum(before, records, of), 0)
		assert.InDelta(t, 100, sum(after, records, of), 0)
		assert.GreaterOrEqual(t, sum(after, duplicates, of), sum(before, duplicates, of)+200, "two polls of two tenants and more")
	}
}

// contract is every metric that others build on, with the labels it carries.
func contract() map[string][]string {
	return map[string][]string{
		"otelcol_receiver_defender_polls": {"outcome", "source", "tenant"},
		records:                           {"change", "source"},
		duplicates:                        {"source"},
		"otelcol_receiver_defender_late_arrivals":         {"source"},
		"otelcol_receiver_defender_throttled":             {"source"},
		"otelcol_receiver_defender_quarantined":           {"source"},
		"otelcol_receiver_defender_lag":                   {"source", "tenant"},
		"otelcol_receiver_defender_tenants":               {"source", "state"},
		"otelcol_receiver_defender_failing":               {"reason", "source", "tenant"},
		"otelcol_extension_entra_auth_token_requests":     {"error_code", "outcome"},
		"otelcol_extension_entra_auth_credential_expiry":  {},
		"otelcol_extension_entra_auth_credential_failing": {"application", "error_code", "kind", "position"},
	}
}

func TestEveryMetricHasItsNameAndAttributes(t *testing.T) {
	t.Parallel()
	s := newStage(t, 3)
	healthy, certified, foreign := s.tenants[0], s.tenants[1], s.tenants[2]
	s.generate(5, 5*time.Minute)
	s.cloud.Entra.SetTenant(entra.Tenant{ID: foreign.id})
	certified.more = strings.Replace(s.certificate(), "[{", "[{client_secret: "+mistyped+"}, {", 1)
	s.list(healthy, certified, foreign)
	port := freePort(t)
	c := s.start(measured(port))
	s.arrived(healthy, certified)
	s.polled(1, healthy, certified)

	ids := s.cloud.World.Put(healthy.id, world.Alert{Updated: time.Now().Add(-time.Minute)})
	s.cloud.World.Put(certified.id, world.Alert{ID: ids[0], Updated: time.Now().Add(-time.Minute)})
	s.arrived(healthy, certified)
	s.cloud.World.Put(healthy.id, world.Alert{ID: ids[0], Revision: 1})
	s.cloud.API.Inject(api.Rule{Tenant: healthy.id, API: api.Graph, Times: 1, Faults: []api.Fault{api.Throttled("1")}})
	s.cloud.API.Inject(api.Rule{Tenant: healthy.id, API: api.Endpoint, Times: 1, Faults: []api.Fault{api.WithBadRecords(api.NoID)}})
	s.arrived(healthy, certified)
	s.eventually("the failure of a tenant", func() bool { return len(c.logged(fails, line{"tenant": foreign.name})) == 2 })

	samples := s.scrape(port)
	for name, labels := range contract() {
		i := slices.IndexFunc(samples, func(one sample) bool { return one.name == name })
		if assert.GreaterOrEqual(t, i, 0, "%s is absent", name) {
			assert.ElementsMatch(t, labels, slices.Collect(maps.Keys(samples[i].labels)), name)
		}
	}
	assert.InDelta(t, 1, sum(samples, "otelcol_receiver_defender_throttled", map[string]string{"source": "graph_alerts"}), 0)
	assert.InDelta(t, 1, sum(samples, "otelcol_receiver_defender_quarantined", map[string]string{"source": "endpoint_alerts"}), 0)
	assert.InDelta(t, 4, sum(samples, "otelcol_receiver_defender_late_arrivals", nil), 0, "one in each source of two tenants")
	assert.InDelta(t, 2, sum(samples, records, map[string]string{"change": "updated"}), 0)
	assert.InDelta(t, 2, sum(samples, "otelcol_receiver_defender_failing",
		map[string]string{"tenant": foreign.name, "reason": "not_consented"}), 0)
	assert.InDelta(t, 1, sum(samples, "otelcol_receiver_defender_tenants", map[string]string{"source": "graph_alerts", "state": "failing"}), 0)
	assert.Positive(t, sum(samples, "otelcol_extension_entra_auth_token_requests", map[string]string{"error_code": "AADSTS700016"}))
	assert.InDelta(t, 1, sum(samples, "otelcol_extension_entra_auth_credential_failing",
		map[string]string{"position": "1", "kind": "client_secret", "error_code": "AADSTS7000215"}), 0)
	assert.InDelta(t, time.Hour.Seconds(), sum(samples, "otelcol_extension_entra_auth_credential_expiry", nil), 300)
}

// certificate registers an application that proves itself with a certificate of one hour, and returns what to add to a
// tenant's row to use it.
func (s *stage) certificate() string {
	s.t.Helper()
	const application = "33333333-3333-4333-8333-333333333333"
	key, certificate := newKey(s.t)
	s.write("app.pem", pemOf(s.t, key, certificate))
	s.cloud.Entra.SetApp(entra.App{ClientID: application, Certificates: []*x509.Certificate{certificate}})
	return ownApplication(application, "certificate_file: "+filepath.Join(s.dir, "app.pem"))
}
