package cloud

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEveryNamedCloudHasARow(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			row, ok := Lookup(name)
			require.True(t, ok)
			assert.True(t, Known(name))
			assert.Equal(t, name, row.Name)
			requireOrigin(t, row.Authority)
			assert.True(t, strings.HasPrefix(row.Audience, "api://AzureADTokenExchange"), row.Audience)
			for _, api := range []API{row.Endpoint, row.XDR, row.Graph, row.SIEM} {
				if api.Offered() {
					requireOrigin(t, api.Host)
					assert.NotEmpty(t, api.Scope)
				}
			}
		})
	}
	_, ok := Lookup("germany")
	assert.False(t, ok)
	assert.False(t, Known(""))
}

// TestGCCIsNotASuffix keeps the row that a "cloud suffix" design gets wrong.
func TestGCCIsNotASuffix(t *testing.T) {
	gcc, _ := Lookup("usgov_gcc")
	assert.Equal(t, "https://login.microsoftonline.com", gcc.Authority)
	assert.Equal(t, "https://api-gcc.securitycenter.microsoft.us", gcc.Endpoint.Host)
	assert.Equal(t, "https://graph.microsoft.com", gcc.Graph.Host)
}

func TestChinaOffersNoAlertAPI(t *testing.T) {
	china, _ := Lookup("china")
	assert.False(t, china.Endpoint.Offered() || china.XDR.Offered() || china.Graph.Offered() || china.SIEM.Offered())
}

func requireOrigin(t *testing.T, raw string) {
	t.Helper()
	u, err := url.Parse(raw)
	require.NoError(t, err)
	assert.Equal(t, "https", u.Scheme)
	assert.NotEmpty(t, u.Host)
	assert.Empty(t, u.Path)
}
