package entraauthextension

import (
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/entra"
)

// ask asks the API with a token of a v1.0 resource.
func (w *world) ask(tenantID string) error {
	w.t.Helper()
	req, err := http.NewRequest(http.MethodGet, w.api.URL, nil)
	require.NoError(w.t, err)
	status, err := w.do(req.WithContext(entraauth.NewContext(w.t.Context(), &entraauth.Request{
		TenantID: tenantID, Scope: siem, Origin: entraauth.Origin(req.URL),
	})))
	if err == nil {
		require.Equal(w.t, http.StatusOK, status)
	}
	return err
}

func TestResourceOfTheOlderEndpoint(t *testing.T) {
	w := newWorld(t, entra.Options{}).start(twoTenants)
	for range 2 {
		require.NoError(t, w.ask(contoso))
	}
	requests := w.entra.Requests()
	require.Len(t, requests, 1, "a token is used again")
	assert.Equal(t, []string{siem, "", "client_credentials"}, []string{requests[0].Resource, requests[0].Scope, requests[0].Grant})
	claims, err := w.entra.Authenticate(w.seenTokens()[0])
	require.NoError(t, err)
	assert.Equal(t, siem, claims.Audience)
	assert.Zero(t, w.entra.MetadataRequests())
	w.noSecrets()
}

// TestEveryCredentialProvesItselfToTheOlderEndpoint is about assertions of our own, where Microsoft's library does not make
// them; the simulated Entra verifies each and takes none twice.
func TestEveryCredentialProvesItselfToTheOlderEndpoint(t *testing.T) {
	id, dir := newIdentity(t, 365*24*time.Hour), t.TempDir()
	pfx, err := pkcs12.Modern2023.Encode(id.key, id.leaf, id.chain, "pass word")
	require.NoError(t, err)
	id.pem(t, filepath.Join(dir, "app.pem"))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "app.pfx"), pfx, 0o600))
	const audience, identityID = "api://AzureADTokenExchange", "33333333-3333-3333-3333-333333333333"
	cluster := entra.NewIssuer("https://cluster.example")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "token"), []byte(cluster.Sign("pod", audience, time.Hour)), 0o600))
	for name, tt := range map[string]struct{ row, kind string }{
		"secret":    {"{client_secret: " + secret + "}", "client_secret"},
		"PEM":       {"{certificate_file: " + dir + "/app.pem}", "certificate"},
		"PFX":       {"{certificate_file: " + dir + "/app.pfx, certificate_password: pass word}", "certificate"},
		"federated": {"{federated_token_file: " + dir + "/token}", "federated"},
		"machine":   {"{managed_identity: {client_id: " + identityID + "}}", "federated"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, entra.Options{})
			machine := w.onMachine(identityID, audience)
			w.entra.SetApp(entra.App{
				ClientID: clientID, Secrets: []string{secret}, Certificates: []*x509.Certificate{id.leaf},
				Federated: []entra.Federated{cluster.Federated("pod", audience), machine.Issuer.Federated("principal", audience)},
			})
			w.start(tenantsWith("{client_secret: expired}", tt.row))
			for _, tenant := range []string{contoso, fabrikam} {
				require.NoError(t, w.ask(tenant))
				requests := w.entra.Requests()
				assert.Equal(t, tt.kind, requests[len(requests)-1].Credential)
			}
			assert.Equal(t, 1, w.entra.Count(contoso, "AADSTS7000215"), "they fall through as ever")
			assert.Equal(t, 1, w.logged("A credential of the application "+clientID+" does not work"))
			w.noSecrets(append(machine.Issued(), machine.Header, "pass word")...)
		})
	}
}

func TestFaultsOfTheOlderEndpoint(t *testing.T) {
	for name, tt := range map[string]struct {
		fault  entra.Fault
		reason entraauth.Reason
		code   string
	}{
		"throttled":      {entra.Fault{Status: 429, Code: "AADSTS90055", RetryAfter: "1800"}, entraauth.ReasonThrottled, "AADSTS90055"},
		"down":           {entra.Fault{Status: 503, Code: "AADSTS90033"}, entraauth.ReasonTransient, "AADSTS90033"},
		"policy":         {entra.Fault{Code: "53003"}, entraauth.ReasonBlocked, "AADSTS53003"},
		"vague policy":   {entra.Fault{Error: "invalid_grant", Code: "424242"}, entraauth.ReasonBlocked, "AADSTS424242"},
		"other cloud":    {entra.Fault{Code: "900432"}, entraauth.ReasonWrongCloud, "AADSTS900432"},
		"HTML":           {entra.Fault{Status: 502, Body: "<html>"}, entraauth.ReasonTransient, ""},
		"HTML of 200":    {entra.Fault{Body: "<html>"}, entraauth.ReasonTransient, ""},
		"garbage":        {entra.Fault{Body: "{\"access_token\":"}, entraauth.ReasonTransient, ""},
		"empty document": {entra.Fault{Body: "{}"}, entraauth.ReasonTransient, ""},
		"no life":        {entra.Fault{Body: `{"access_token":"x"}`}, entraauth.ReasonTransient, ""},
		"line break":     {entra.Fault{Body: `{"access_token":"x\r\ny: z","expires_in":"3600"}`}, entraauth.ReasonTransient, ""},
		"huge":           {entra.Fault{Body: `{"access_token":"` + strings.Repeat("a", 2<<20) + `"}`}, entraauth.ReasonTransient, ""},
		"redirect":       {entra.Fault{Status: 307, Location: "https://elsewhere.example/", Body: "moved"}, entraauth.ReasonConfiguration, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, entra.Options{}).start(twoTenants)
			w.entra.SetFault(contoso, tt.fault)
			refused := refusal(t, w.ask(contoso), tt.reason)
			assert.Equal(t, tt.code, refused.Code)
			assert.NotEmpty(t, refused.Advice)
			assert.NotContains(t, refused.Error(), secret)
			require.NoError(t, w.ask(fabrikam), "another tenant is not touched")
			w.noSecrets()
		})
	}
	w := newWorld(t, entra.Options{}).start(twoTenants)
	w.login.Close()
	refused := refusal(t, w.ask(contoso), entraauth.ReasonTransient)
	assert.NotContains(t, refused.Error(), secret)
}

func TestTokenOfAnotherTenantIsNotTakenFromTheOlderEndpointEither(t *testing.T) {
	w := newWorld(t, entra.Options{}).start(twoTenants)
	w.entra.SetTenant(entra.Tenant{ID: contoso, Consented: true, TokenTenant: fabrikam})
	requireReason(t, w.ask(contoso), entraauth.ReasonWrongToken)
	assert.Empty(t, w.seenTokens())
}
