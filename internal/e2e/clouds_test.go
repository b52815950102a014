package e2e_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/internal/cloud"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// throughProxy takes every host of the configuration of all tests away, so that those of the clouds are asked for.
func throughProxy(proxy, sources string) string {
	return fmt.Sprintf(`
extensions: {entra_auth: {authority_host: "", http: {proxy_url: "%[1]s"}}}
receivers:
  defender:
    proxy_url: %[1]s
    sources: %[2]s`, proxy, sources)
}

// TestEachTenantIsAskedForAtTheHostsOfItsCloud has tenants of every cloud in one list, behind a proxy that knows
// Microsoft's hosts.
func TestEachTenantIsAskedForAtTheHostsOfItsCloud(t *testing.T) {
	t.Parallel()
	s := newStage(t, len(cloud.Names()))
	s.sources = []world.Source{world.EndpointAlerts, world.GraphAlerts, world.GraphIncidents, world.XDRIncidents, world.SIEMAlerts}
	proxy, err := s.cloud.StartProxy()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, proxy.Close()) })
	offered := s.tenants[:0:0]
	for i, name := range cloud.Names() {
		s.tenants[i].more = ", cloud: " + name
		if row, _ := cloud.Lookup(name); row.Graph.Offered() {
			offered = append(offered, s.tenants[i])
		}
	}
	require.Len(t, offered, 4, "China has none of the APIs")
	s.list(s.tenants...)
	s.generate(3, time.Hour)
	c := s.start(throughProxy(proxy.URL(), `
      endpoint_alerts: {endpoint: "", region: eu}
      graph_alerts: {endpoint: ""}
      graph_incidents: {}
      xdr_incidents: {}
      siem_alerts: {region: uk}`))
	s.arrived(s.tenants[0])
	s.sources = s.sources[:4] // the public cloud alone has the SIEM API
	s.arrived(offered...)
	s.eventually("a line for each source of the tenant in China", func() bool {
		return len(c.logged("A source is not polled for a tenant", line{"tenant": s.tenants[4].name})) == len(s.sources)+1
	})
	c.terminate()

	want := map[string][]string{
		"public": {
			"api.security.microsoft.com https://api.security.microsoft.com",
			"eu.api.security.microsoft.com https://api.securitycenter.microsoft.com",
			"graph.microsoft.com https://graph.microsoft.com",
			"login.microsoftonline.com ",
			"wdatp-alertexporter-uk.windows.com https://graph.windows.net",
		},
		"usgov_gcc": {
			"api-gcc.security.microsoft.us https://api-gcc.security.microsoft.us",
			"api-gcc.securitycenter.microsoft.us https://api-gcc.securitycenter.microsoft.us",
			"graph.microsoft.com https://graph.microsoft.com",
			"login.microsoftonline.com ",
		},
		"usgov_gcc_high": {
			"api-gov.security.microsoft.us https://api-gov.security.microsoft.us",
			"api-gov.securitycenter.microsoft.us https://api-gov.securitycenter.microsoft.us",
			"graph.microsoft.us https://graph.microsoft.us",
			"login.microsoftonline.us ",
		},
		"usgov_dod": {
			"api-gov.security.microsoft.us https://api-gov.security.microsoft.us",
			"api-gov.securitycenter.microsoft.us https://api-gov.securitycenter.microsoft.us",
			"dod-graph.microsoft.us https://dod-graph.microsoft.us",
			"login.microsoftonline.us ",
		},
	}
	visited := map[string]map[string]bool{}
	for _, visit := range proxy.Visits() {
		tenant := visit.Tenant
		if tenant == "" && len(visit.Path) > len(s.tenants[0].id) {
			tenant = visit.Path[1 : 1+len(s.tenants[0].id)] // sign-in has it in the path
		}
		if visited[tenant] == nil {
			visited[tenant] = map[string]bool{}
		}
		visited[tenant][visit.Host+" "+visit.Audience] = true
	}
	for i, name := range cloud.Names() {
		assert.Equal(t, want[name], slices.Sorted(maps.Keys(visited[s.tenants[i].id])), name)
	}
	assert.Empty(t, proxy.Refused(), "hosts that are none of Microsoft's")
	s.sources = append(s.sources, world.SIEMAlerts)
	a := s.audit(s.sink.all())
	a.genuine()
	a.once()
}
