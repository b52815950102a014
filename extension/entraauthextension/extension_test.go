package entraauthextension

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zapcore"

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

func TestRefusedTenantIsNotAskedAgainAtOnce(t *testing.T) {
	w := newWorld(t, entra.Options{}).start(twoTenants)
	w.entra.SetTenant(entra.Tenant{ID: contoso})
	for range 5 {
		_, err := w.get(contoso)
		refused := refusal(t, err, entraauth.ReasonNotConsented)
		assert.Equal(t, "AADSTS700016", refused.Code)
		assert.Contains(t, refused.Advice, w.login.URL+"/"+contoso+"/adminconsent?client_id="+clientID)
		assert.False(t, refused.RetryAt.IsZero())
	}
	assert.Equal(t, 1, w.entra.Count(contoso, ""))
	assert.Zero(t, w.logs.FilterLevelExact(zapcore.WarnLevel).Len(), "the error is the caller's to report")
	_, err := w.get(fabrikam)
	require.NoError(t, err, "another tenant is not touched")
	w.noSecrets()
}

func TestTokenOfAnotherTenantIsNeverUsed(t *testing.T) {
	w := newWorld(t, entra.Options{}).start(twoTenants)
	w.entra.SetTenant(entra.Tenant{ID: contoso, Consented: true, TokenTenant: fabrikam})
	for range 2 {
		_, err := w.get(contoso)
		requireReason(t, err, entraauth.ReasonWrongToken)
	}
	assert.Empty(t, w.seenTokens())
	w.noSecrets()
}

func TestMissingRoleIsTheCustomersToGrant(t *testing.T) {
	w := newWorld(t, entra.Options{}).start(twoTenants + "recheck_interval: 1s")
	w.entra.SetTenant(entra.Tenant{ID: contoso, Consented: true})
	_, err := w.get(contoso, alertsRole)
	refused := refusal(t, err, entraauth.ReasonNoRole)
	assert.Contains(t, refused.Error(), alertsRole)
	assert.Contains(t, refused.Advice, "adminconsent")
	require.Empty(t, w.seenTokens())

	w.entra.SetTenant(entra.Tenant{ID: contoso, Consented: true, Roles: map[string][]string{graph: {alertsRole}}})
	require.Eventually(t, func() bool { _, err := w.get(contoso, alertsRole); return err == nil }, 5*time.Second, 20*time.Millisecond)
}

func TestOpaqueTokensAreUsedUnchecked(t *testing.T) {
	w := newWorld(t, entra.Options{Opaque: true}).start(twoTenants)
	w.entra.SetTenant(entra.Tenant{ID: contoso, Consented: true, TokenTenant: fabrikam})
	status, err := w.get(contoso, alertsRole)
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, status)
}

func TestFaultsOfTheAuthority(t *testing.T) {
	for name, tt := range map[string]struct {
		fault  entra.Fault
		reason entraauth.Reason
		code   string
	}{
		"throttled":      {entra.Fault{Status: 429, Code: "AADSTS90055", RetryAfter: "1800"}, entraauth.ReasonThrottled, "AADSTS90055"},
		"down":           {entra.Fault{Status: 503, Code: "AADSTS90033"}, entraauth.ReasonTransient, "AADSTS90033"},
		"policy":         {entra.Fault{Status: 400, Error: "invalid_grant", Code: "53003"}, entraauth.ReasonBlocked, "AADSTS53003"},
		"HTML":           {entra.Fault{Status: 502, Body: "<html>"}, entraauth.ReasonTransient, ""},
		"garbage":        {entra.Fault{Body: "{\"access_token\":"}, entraauth.ReasonTransient, ""},
		"empty document": {entra.Fault{Body: "{}"}, entraauth.ReasonTransient, ""},
		"huge":           {entra.Fault{Body: `{"access_token":"` + strings.Repeat("a", 2<<20) + `"}`}, entraauth.ReasonTransient, ""},
		"redirect":       {entra.Fault{Status: 307, Location: "https://elsewhere.example/", Body: "moved"}, entraauth.ReasonConfiguration, ""},
		"metadata": {
			entra.Fault{Status: 400, Error: "invalid_tenant", Code: "90002", Metadata: true}, entraauth.ReasonUnknownTenant, "AADSTS90002",
		},
		"metadata garbage": {entra.Fault{Body: "[]", Metadata: true}, entraauth.ReasonTransient, ""},
		"other cloud": {
			entra.Fault{Metadata: true, Body: `{"issuer":"https://login.microsoftonline.us/x/v2.0","authorization_endpoint":"https://login.microsoftonline.us/x/a","token_endpoint":"https://login.microsoftonline.us/x/oauth2/v2.0/token"}`},
			entraauth.ReasonWrongCloud, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, entra.Options{}).start(twoTenants)
			w.entra.SetFault(contoso, tt.fault)
			began := time.Now()
			_, err := w.get(contoso)
			refused := refusal(t, err, tt.reason)
			assert.Equal(t, tt.code, refused.Code)
			assert.True(t, refused.RetryAt.After(began))
			if tt.fault.RetryAfter != "" {
				assert.WithinDuration(t, began.Add(30*time.Minute), refused.RetryAt, time.Minute)
			}
			w.noSecrets()
			require.NotContains(t, err.Error(), secret)
			_, err = w.get(fabrikam)
			require.NoError(t, err)
		})
	}
}

func TestAuthorityOutOfReach(t *testing.T) {
	w := newWorld(t, entra.Options{}).start(twoTenants)
	w.login.Close()
	_, err := w.get(contoso)
	refused := refusal(t, err, entraauth.ReasonTransient)
	assert.Contains(t, refused.Advice, w.login.URL)
}

func TestShutdownEndsHangingRequestsAndMayComeTwice(t *testing.T) {
	w := newWorld(t, entra.Options{}).start(twoTenants)
	w.entra.SetFault(contoso, entra.Fault{Hang: true})
	failed := make(chan error)
	go func() {
		_, err := w.get(contoso)
		failed <- err
	}()
	require.Eventually(t, func() bool { return w.entra.Count(contoso, "fault") == 1 }, 5*time.Second, time.Millisecond)
	began := time.Now()
	require.NoError(t, w.ext.Shutdown(t.Context()))
	require.NoError(t, w.ext.Shutdown(t.Context()))
	requireReason(t, <-failed, entraauth.ReasonTransient)
	assert.Less(t, time.Since(began), 5*time.Second)
	_, err := w.get(fabrikam)
	requireReason(t, err, entraauth.ReasonTransient)
}

func TestTenantsOfAnotherCloudAndApplication(t *testing.T) {
	w := newWorld(t, entra.Options{})
	const own = "22222222-2222-2222-2222-222222222222"
	w.entra.SetApp(entra.App{ClientID: own, Secrets: []string{"own secret"}})
	w.start(oneSecret + `
tenants:
  - {id: 72f988bf-86f1-41af-91ab-2d7cd011db47, name: contoso, cloud: usgov_dod}
  - {id: aaaaaaaa-0000-4000-8000-000000000002, application: {client_id: ` + own + `, credentials: [{client_secret: own secret}]}}
`)
	for _, id := range []string{contoso, fabrikam} {
		_, err := w.get(id)
		require.NoError(t, err)
	}
	requests := w.entra.Requests()
	assert.Equal(t, []string{clientID, own}, []string{requests[0].ClientID, requests[1].ClientID})
	defer w.ext.Watch(func(list []entraauth.Tenant) {
		assert.Equal(t, []string{"usgov_dod", "public"}, []string{list[0].Cloud, list[1].Cloud})
	})()
	w.noSecrets("own secret")
}

func TestMetadataOfAnotherPlaceAreNotRemembered(t *testing.T) {
	for name, tt := range map[string]struct {
		after  string
		reason entraauth.Reason
		cause  string
	}{
		"whole":                   {"", entraauth.ReasonWrongCloud, "https://elsewhere.example/t"},
		"with something after it": {"<html>", entraauth.ReasonTransient, "not JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, entra.Options{}).start(twoTenants + "recheck_interval: 1s")
			w.entra.SetFault(contoso, entra.Fault{Times: 1, Metadata: true, Body: `{"issuer":"` + w.login.URL + `/x/v2.0",
				"authorization_endpoint":"https://elsewhere.example/a","token_endpoint":"https://elsewhere.example/t"}` + tt.after})
			_, err := w.get(contoso)
			assert.Contains(t, refusal(t, err, tt.reason).Error(), tt.cause)
			require.Eventually(t, func() bool { _, err := w.get(contoso); return err == nil }, 5*time.Second, 20*time.Millisecond)
		})
	}
}
