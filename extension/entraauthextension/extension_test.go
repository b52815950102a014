package entraauthextension

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/entra"
)

func TestEachTenantGetsItsOwnToken(t *testing.T) {
	w := newWorld(t, entra.Options{}).start(twoTenants)
	for range 3 {
		for _, id := range []string{contoso, fabrikam} {
			status, err := w.get(id, alertsRole)
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, status)
			claims, err := w.entra.Authenticate(w.seenTokens()[len(w.seenTokens())-1])
			require.NoError(t, err)
			assert.Equal(t, id, claims.TenantID)
			assert.Equal(t, graph, claims.Audience)
		}
	}
	assert.Equal(t, 1, w.entra.Count(contoso, ""), "a token is used again")
	assert.Equal(t, 1, w.entra.Count(fabrikam, ""))
	w.noSecrets()
}

func TestRefusedTenantIsReportedOnceAndNotAskedAgainAtOnce(t *testing.T) {
	w := newWorld(t, entra.Options{}).start(twoTenants)
	w.entra.SetTenant(entra.Tenant{ID: contoso})
	for range 5 {
		_, err := w.get(contoso)
		refused := requireReason(t, err, entraauth.ReasonNotConsented)
		assert.Equal(t, "AADSTS700016", refused.Code)
		assert.Contains(t, refused.Advice, w.login.URL+"/"+contoso+"/adminconsent?client_id="+clientID)
		assert.False(t, refused.RetryAt.IsZero())
	}
	assert.Equal(t, 1, w.entra.Count(contoso, ""))
	require.Equal(t, 1, w.logged("The tenant gets no token"))
	fields := w.logs.FilterMessage("The tenant gets no token").All()[0].ContextMap()
	assert.Equal(t, "contoso", fields["tenant"])
	assert.Equal(t, contoso, fields["azure.tenant.id"])
	assert.Equal(t, "not_consented", fields["reason"])
	assert.Equal(t, "AADSTS700016", fields["error_code"])
	_, err := w.get(fabrikam)
	require.NoError(t, err, "another tenant is not touched")
	w.noSecrets()
}
