package source

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
)

func TestEverySourceIsComplete(t *testing.T) {
	for _, s := range All() {
		t.Run(s.Key, func(t *testing.T) {
			assert.NotEmpty(t, s.Path)
			assert.NotEmpty(t, s.UpdateTime)
			assert.NotEmpty(t, s.Roles)
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
