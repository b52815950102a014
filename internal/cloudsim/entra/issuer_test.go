package entra

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/managedidentity"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFederatedTokensAreVerified(t *testing.T) {
	s, srv := start(t, Options{})
	cluster, impostor := NewIssuer("https://cluster.example"), NewIssuer("https://cluster.example")
	const audience = "api://AzureADTokenExchange"
	s.SetApp(App{ClientID: client, Federated: []Federated{cluster.Federated("pod", audience)}})
	for name, tt := range map[string]struct {
		token string
		want  float64
	}{
		"good":     {cluster.Sign("pod", audience, time.Hour), 0},
		"issuer":   {NewIssuer("https://other.example").Sign("pod", audience, time.Hour), 700211},
		"subject":  {cluster.Sign("Pod", audience, time.Hour), 700213},
		"audience": {cluster.Sign("pod", audience+"USGov", time.Hour), 700212},
		"forged":   {impostor.Sign("pod", audience, time.Hour), 50013},
		"expired":  {cluster.Sign("pod", audience, -time.Second), 700024},
	} {
		resp, doc := post(t, srv, contoso, form("client_secret", "", "client_assertion", tt.token, "client_assertion_type", assertionType))
		if tt.want == 0 {
			assert.Equal(t, http.StatusOK, resp.StatusCode, name)
			continue
		}
		assert.Equal(t, []any{tt.want}, doc["error_codes"], name)
	}
}

// TestMicrosoftsLibraryFindsTheMachinesIdentity holds the endpoint against MSAL.
func TestMicrosoftsLibraryFindsTheMachinesIdentity(t *testing.T) {
	m := &Machine{Issuer: NewIssuer("https://login.example/v2.0"), Header: "secret header"}
	m.Add(client, "principal")
	endpoint := httptest.NewServer(m)
	defer endpoint.Close()
	t.Setenv("IDENTITY_ENDPOINT", endpoint.URL+"/msi/token")
	t.Setenv("IDENTITY_HEADER", "secret header")
	msal, err := managedidentity.New(managedidentity.UserAssignedClientID(client), managedidentity.WithHTTPClient(endpoint.Client()))
	require.NoError(t, err)
	res, err := msal.AcquireToken(t.Context(), "api://AzureADTokenExchange")
	require.NoError(t, err)
	assert.Equal(t, []string{res.AccessToken}, m.Issued())
	assert.Equal(t, "principal", said(t, res.AccessToken)["sub"])
	assert.Equal(t, []string{"api://AzureADTokenExchange " + client}, m.Asked())

	m.Fail(http.StatusServiceUnavailable)
	resp, err := endpoint.Client().Get(endpoint.URL + "?" + url.Values{"client_id": {client}}.Encode())
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	m.Fail(0)
	resp, err = endpoint.Client().Get(endpoint.URL)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, http.StatusBadRequest, resp.StatusCode, "without the header")
}
