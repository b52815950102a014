package source

import (
	"maps"
	"net/url"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/internal/cloud"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
)

func TestEverySourceIsComplete(t *testing.T) {
	for _, s := range All() {
		t.Run(s.Key, func(t *testing.T) {
			assert.NotEmpty(t, s.Path)
			assert.NotEmpty(t, s.UpdateTime)
			assert.Equal(t, s.Array, len(s.Roles) == 0, "the SIEM API has no roles")
			assert.Equal(t, s.Array, s.Ask != nil)
			assert.Equal(t, s.Expand != "", s.Expands != "")
			assert.NotEmpty(t, s.Limits)
			assert.NotNil(t, s.Schema)
			assert.LessOrEqual(t, s.PageSize, s.MaxPageSize)
			found, ok := Lookup(s.Key)
			assert.True(t, ok)
			assert.Equal(t, s.Path, found.Path)
		})
	}
	_, ok := Lookup("alerts")
	assert.False(t, ok)
}

func TestURL(t *testing.T) {
	from, err := odata.ParseInstant("2026-11-22T13:50:04.1234567Z")
	require.NoError(t, err)
	tests := map[string]struct {
		source string
		query  Query
		want   url.Values
	}{
		"endpoint": {
			source: "endpoint_alerts",
			query:  Query{From: from, To: from + 1, Top: 10_000},
			want: url.Values{
				"$filter": {"lastUpdateTime ge 2026-11-22T13:50:04.1234567Z and lastUpdateTime le 2026-11-22T13:50:04.1234568Z"},
				"$top":    {"10000"}, "$expand": {"evidence"},
			},
		},
		"graph with the user's filter and a skip": {
			source: "graph_alerts",
			query:  Query{From: from, To: from, Top: 1000, Skip: 2000, Filter: "severity eq 'high' or status eq 'new'"},
			want: url.Values{
				"$filter": {"lastUpdateDateTime ge 2026-11-22T13:50:04.1234567Z and lastUpdateDateTime le 2026-11-22T13:50:04.1234567Z" +
					" and (severity eq 'high' or status eq 'new')"},
				"$top": {"1000"}, "$skip": {"2000"},
			},
		},
		"incidents of Graph with their alerts": {
			source: "graph_incidents",
			query:  Query{From: from, To: from, Top: 50},
			want: url.Values{
				"$filter": {"lastUpdateDateTime ge 2026-11-22T13:50:04.1234567Z and lastUpdateDateTime le 2026-11-22T13:50:04.1234567Z"},
				"$top":    {"50"}, "$expand": {"alerts"},
			},
		},
		"incidents of Graph without": {
			source: "graph_incidents",
			query:  Query{From: from, To: from, Top: 1, Plain: true},
			want: url.Values{
				"$filter": {"lastUpdateDateTime ge 2026-11-22T13:50:04.1234567Z and lastUpdateDateTime le 2026-11-22T13:50:04.1234567Z"},
				"$top":    {"1"},
			},
		},
		"incidents of Defender XDR have their alerts": {
			source: "xdr_incidents",
			query:  Query{From: from, To: from, Top: 100},
			want: url.Values{
				"$filter": {"lastUpdateTime ge 2026-11-22T13:50:04.1234567Z and lastUpdateTime le 2026-11-22T13:50:04.1234567Z"},
				"$top":    {"100"},
			},
		},
		"detections begin two ticks earlier": {
			source: "siem_alerts",
			query:  Query{From: from, To: from + 9, Top: 10_000},
			want: url.Values{
				"sinceTimeUtc": {"2026-11-22T13:50:04.1234565Z"}, "untilTimeUtc": {"2026-11-22T13:50:04.1234576Z"}, "limit": {"10000"},
			},
		},
		"detections of a single tick, and of some machines": {
			source: "siem_alerts",
			query: Query{From: from, To: from, Top: 20_000, Parameters: url.Values{
				"machinegroups": {"Work stations", "R+D"}, "DeviceCreatedMachineTags": {"a&b"},
			}},
			want: url.Values{
				"sinceTimeUtc": {"2026-11-22T13:50:04.1234565Z"}, "untilTimeUtc": {"2026-11-22T13:50:04.1234568Z"}, "limit": {"20000"},
				"machinegroups": {"Work stations", "R+D"}, "DeviceCreatedMachineTags": {"a&b"},
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s, ok := Lookup(tt.source)
			require.True(t, ok)
			raw := s.URL("https://api.example/prefix", tt.query)
			assert.NotContains(t, raw, "+")
			u, err := url.Parse(raw)
			require.NoError(t, err)
			assert.Equal(t, "/prefix"+s.Path, u.Path)
			assert.Equal(t, tt.want, u.Query())
		})
	}
}

func TestTarget(t *testing.T) {
	tests := map[string]struct {
		source, cloud string
		override      Override
		want          Target
		notOffered    bool
	}{
		"endpoint, region": {
			source: "endpoint_alerts", cloud: "public", override: Override{Region: "eu"},
			want: Target{
				Endpoint: "https://eu.api.security.microsoft.com", Origin: "https://eu.api.security.microsoft.com",
				Scope: "https://api.securitycenter.microsoft.com/.default",
			},
		},
		"a cloud without regions ignores the region": {
			source: "endpoint_alerts", cloud: "usgov_gcc", override: Override{Region: "us"},
			want: Target{
				Endpoint: "https://api-gcc.securitycenter.microsoft.us", Origin: "https://api-gcc.securitycenter.microsoft.us",
				Scope: "https://api-gcc.securitycenter.microsoft.us/.default",
			},
		},
		"graph, DoD": {
			source: "graph_alerts", cloud: "usgov_dod",
			want: Target{
				Endpoint: "https://dod-graph.microsoft.us", Origin: "https://dod-graph.microsoft.us",
				Scope: "https://dod-graph.microsoft.us/.default",
			},
		},
		"an endpoint of one's own, with a path": {
			source: "graph_alerts", cloud: "public", override: Override{Endpoint: "http://127.0.0.1:8443/graph/"},
			want: Target{
				Endpoint: "http://127.0.0.1:8443/graph", Origin: "http://127.0.0.1:8443",
				Scope: "https://graph.microsoft.com/.default",
			},
		},
		"not offered": {source: "graph_alerts", cloud: "china", notOffered: true},
		"not offered, endpoint without scope": {
			source: "graph_alerts", cloud: "china", override: Override{Endpoint: "https://graph.example"}, notOffered: true,
		},
		"not offered, but endpoint and scope are set": {
			source: "graph_alerts", cloud: "china",
			override: Override{Endpoint: "https://graph.example", Scope: "https://graph.example/.default"},
			want: Target{
				Endpoint: "https://graph.example", Origin: "https://graph.example", Scope: "https://graph.example/.default",
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s, ok := Lookup(tt.source)
			require.True(t, ok)
			got, err := s.Target(tt.cloud, tt.override)
			if tt.notOffered {
				var notOffered *NotOfferedError
				require.ErrorAs(t, err, &notOffered)
				assert.Contains(t, err.Error(), tt.cloud)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestSingleRecordsAndTheirElements(t *testing.T) {
	endpoint, _ := Lookup("endpoint_alerts")
	assert.Equal(t, "https://a.example/api/alerts/da1_-2", endpoint.One("https://a.example", "da1_-2"))
	graph, _ := Lookup("graph_incidents")
	assert.Equal(t, "https://g.example/v1.0/security/incidents/a%2Fb?$expand=alerts", graph.One("https://g.example", "a/b"))
	assert.Equal(t, "https://g.example/v1.0/security/incidents/17/alerts?$top=1&$skip=3", graph.Element("https://g.example", "17", 3))
}

// TestEveryCloudAndSource is the table of the reference: host and scope of every source in every cloud, nothing where it is
// not offered.
func TestEveryCloudAndSource(t *testing.T) {
	const (
		defender, graph, dodGraph = ".securitycenter.microsoft.us", "https://graph.microsoft.com", "https://dod-graph.microsoft.us"
		siem                      = "https://wdatp-alertexporter-eu.windows.com"
	)
	same := func(host string) [2]string { return [2]string{host, host + "/.default"} }
	tests := map[string]map[string][2]string{
		"public": {
			"endpoint_alerts": {"https://eu.api.security.microsoft.com", "https://api.securitycenter.microsoft.com/.default"},
			"graph_alerts":    same(graph), "graph_incidents": same(graph),
			"xdr_incidents": same("https://api.security.microsoft.com"),
			"siem_alerts":   {siem, "https://graph.windows.net"},
		},
		"usgov_gcc": {
			"endpoint_alerts": same("https://api-gcc" + defender),
			"graph_alerts":    same(graph), "graph_incidents": same(graph),
			"xdr_incidents": same("https://api-gcc.security.microsoft.us"),
		},
		"usgov_gcc_high": {
			"endpoint_alerts": same("https://api-gov" + defender),
			"graph_alerts":    same("https://graph.microsoft.us"), "graph_incidents": same("https://graph.microsoft.us"),
			"xdr_incidents": same("https://api-gov.security.microsoft.us"),
		},
		"usgov_dod": {
			"endpoint_alerts": same("https://api-gov" + defender),
			"graph_alerts":    same(dodGraph), "graph_incidents": same(dodGraph),
			"xdr_incidents": same("https://api-gov.security.microsoft.us"),
		},
		"china": {},
	}
	require.ElementsMatch(t, cloud.Names(), slices.Collect(maps.Keys(tests)))
	for name, offered := range tests {
		for _, s := range All() {
			t.Run(name+"/"+s.Key, func(t *testing.T) {
				got, err := s.Target(name, Override{Region: "eu"})
				want, ok := offered[s.Key]
				if !ok {
					var notOffered *NotOfferedError
					require.ErrorAs(t, err, &notOffered)
					return
				}
				require.NoError(t, err)
				assert.Equal(t, Target{Endpoint: want[0], Origin: want[0], Scope: want[1]}, got)
				own, err := s.Target(name, Override{Region: "us", Scope: "https://own.example/.default"})
				require.NoError(t, err)
				assert.Equal(t, "https://own.example/.default", own.Scope)
				if s.Regions == nil {
					assert.Equal(t, want[0], own.Endpoint, "the region changes nothing")
				}
			})
		}
	}
}
