package entra

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	msalerrors "github.com/AzureAD/microsoft-authentication-library-for-go/apps/errors"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	contoso = "72f988bf-86f1-41af-91ab-2d7cd011db47"
	client  = "11111111-1111-1111-1111-111111111111"
	graph   = "https://graph.microsoft.com"
	siem    = "https://graph.windows.net"
)

func start(t *testing.T, opts Options) (*Server, *httptest.Server) {
	s := New(opts)
	s.SetApp(App{
		ClientID: client, Secrets: []string{"s3cret"}, ExpiredSecrets: []string{"0ld"}, RedirectURIs: []string{"http://localhost", "https://portal.example/done"},
		Roles: map[string][]string{graph: {"SecurityAlert.Read.All"}}, Scopes: map[string][]string{graph: {"SecurityAlert.Read.All"}},
	})
	s.SetTenant(Tenant{
		ID: contoso, Consented: true, Roles: map[string][]string{graph: {"SecurityAlert.Read.All"}},
		Scopes: map[string][]string{graph: {"SecurityAlert.Read.All"}, siem: {"user_impersonation"}},
	})
	srv := httptest.NewTLSServer(s)
	t.Cleanup(srv.Close)
	return s, srv
}

func post(t *testing.T, srv *httptest.Server, tenant string, form url.Values) (*http.Response, map[string]any) {
	t.Helper()
	return postTo(t, srv, "/"+tenant+"/oauth2/v2.0/token", form)
}

func postTo(t *testing.T, srv *httptest.Server, path string, form url.Values) (*http.Response, map[string]any) {
	t.Helper()
	resp, err := srv.Client().PostForm(srv.URL+path, form)
	require.NoError(t, err)
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	doc := map[string]any{}
	require.NoError(t, json.Unmarshal(raw, &doc), string(raw))
	return resp, doc
}

func form(changes ...string) url.Values {
	f := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {client}, "client_secret": {"s3cret"},
		"scope": {graph + "/.default openid offline_access profile"},
	}
	for i := 0; i < len(changes); i += 2 {
		f.Set(changes[i], changes[i+1])
	}
	return f
}

func TestTokenIsAcceptedUntilItEnds(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s, srv := start(t, Options{Now: func() time.Time { return now }, Lifetime: time.Minute})
	resp, doc := post(t, srv, contoso, form())
	require.Equal(t, http.StatusOK, resp.StatusCode)
	assert.InDelta(t, 60, doc["expires_in"], 0)
	header := "Bearer " + doc["access_token"].(string)

	claims, err := s.Authenticate(header)
	require.NoError(t, err)
	assert.Equal(t, Claims{
		TenantID: contoso, Audience: graph, AppID: client, Roles: []string{"SecurityAlert.Read.All"}, Expires: now.Add(time.Minute),
	}, claims)
	assert.Len(t, strings.Split(header, "."), 3)

	now = now.Add(time.Minute)
	_, err = s.Authenticate(header)
	require.ErrorIs(t, err, ErrUnauthenticated)
	_, err = s.Authenticate("Bearer forged")
	require.ErrorIs(t, err, ErrUnauthenticated)
}

func TestRefusals(t *testing.T) {
	s, srv := start(t, Options{})
	s.SetTenant(Tenant{ID: "unconsented"})
	s.SetTenant(Tenant{ID: "disabled", Consented: true, Disabled: true})
	s.SetTenant(Tenant{ID: "government", OtherCloud: true})
	s.SetTenant(Tenant{ID: "bare", Consented: true, Absent: []string{graph}})
	for name, tt := range map[string]struct {
		tenant string
		form   url.Values
		status int
		oauth  string
		code   float64
	}{
		"secret":       {contoso, form("client_secret", "wrong"), 401, "invalid_client", 7000215},
		"no secret":    {contoso, form("client_secret", ""), 401, "invalid_client", 7000218},
		"old secret":   {contoso, form("client_secret", "0ld"), 401, "invalid_client", 7000222},
		"federated":    {contoso, form("client_secret", "", "client_assertion", "alien", "client_assertion_type", assertionType), 401, "invalid_client", 700211},
		"no type":      {contoso, form("client_secret", "", "client_assertion", "alien"), 401, "invalid_client", 7000218},
		"other cloud":  {"government", form(), 400, "invalid_request", 900432},
		"resource":     {contoso, form("resource", graph), 400, "invalid_request", 901002},
		"two scopes":   {contoso, form("scope", graph+"/.default "+siem+"/.default"), 400, "invalid_scope", 28000},
		"one role":     {contoso, form("scope", graph+"/SecurityAlert.Read.All"), 400, "invalid_scope", 70011},
		"not here":     {"nowhere", form(), 400, "invalid_request", 90002},
		"no consent":   {"unconsented", form(), 400, "unauthorized_client", 700016},
		"unregistered": {contoso, form("client_id", "other"), 400, "unauthorized_client", 700016},
		"disabled":     {"disabled", form(), 400, "unauthorized_client", 7000112},
		"no resource":  {"bare", form(), 400, "invalid_resource", 500011},
		"scope":        {contoso, form("scope", "openid"), 400, "invalid_scope", 70011},
		"grant":        {contoso, form("grant_type", "password"), 400, "unsupported_grant_type", 70003},
	} {
		t.Run(name, func(t *testing.T) {
			resp, doc := post(t, srv, tt.tenant, tt.form)
			assert.Equal(t, tt.status, resp.StatusCode)
			assert.Equal(t, tt.oauth, doc["error"])
			assert.Equal(t, []any{tt.code}, doc["error_codes"])
			for _, key := range []string{"error_description", "timestamp", "trace_id", "correlation_id", "error_uri"} {
				assert.NotEmpty(t, doc[key], key)
			}
			assert.NotEmpty(t, resp.Header.Get("x-ms-request-id"))
			assert.Equal(t, tt.status == 401, resp.Header.Get("WWW-Authenticate") != "")
		})
	}
}

func TestFaults(t *testing.T) {
	s, srv := start(t, Options{})
	s.SetFault(contoso, Fault{Status: 429, Code: "AADSTS90055", RetryAfter: "17", Times: 1})
	resp, doc := post(t, srv, contoso, form())
	assert.Equal(t, 429, resp.StatusCode)
	assert.Equal(t, "17", resp.Header.Get("Retry-After"))
	assert.Equal(t, []any{90055.0}, doc["error_codes"])
	resp, _ = post(t, srv, contoso, form())
	assert.Equal(t, http.StatusOK, resp.StatusCode, "a fault of one time is over")

	s.SetFault(contoso, Fault{Body: "{}"})
	resp, doc = post(t, srv, contoso, form())
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Empty(t, doc)

	s.SetFault(contoso, Fault{Hang: true})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, srv.URL+"/"+contoso+"/oauth2/v2.0/token", strings.NewReader(form().Encode()))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	_, err = srv.Client().Do(req)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	s.SetFault(contoso, Fault{})
	resp, _ = post(t, srv, contoso, form())
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Equal(t, 2, s.Count(contoso, "success"))
	assert.Equal(t, 3, s.Count(contoso, "fault"))
}

func TestOpaqueAndRevoked(t *testing.T) {
	s, srv := start(t, Options{Opaque: true})
	_, doc := post(t, srv, contoso, form())
	token := doc["access_token"].(string)
	assert.NotContains(t, token, "ey")
	_, err := s.Authenticate("Bearer " + token)
	require.NoError(t, err)
	assert.Subset(t, s.Issued(), []string{token, "s3cret"})
	s.Revoke(contoso)
	_, err = s.Authenticate("Bearer " + token)
	require.ErrorIs(t, err, ErrUnauthenticated)
}

// TestMicrosoftsLibrarySignsInWithACertificate holds the metadata, the assertion check and the error body against MSAL.
func TestMicrosoftsLibrarySignsInWithACertificate(t *testing.T) {
	s, srv := start(t, Options{})
	key, cert := certificate(t)
	cred, err := confidential.NewCredFromCert([]*x509.Certificate{cert}, key)
	require.NoError(t, err)
	msal, err := confidential.New(srv.URL+"/organizations", client, cred,
		confidential.WithHTTPClient(srv.Client()), confidential.WithInstanceDiscovery(false))
	require.NoError(t, err)

	_, err = msal.AcquireTokenByCredential(t.Context(), []string{graph + "/.default"}, confidential.WithTenantID(contoso))
	var call msalerrors.CallErr
	require.ErrorAs(t, err, &call)
	assert.Equal(t, http.StatusUnauthorized, call.Resp.StatusCode)
	assert.Equal(t, 1, s.Count(contoso, "AADSTS700027"), "not registered yet")

	s.SetApp(App{ClientID: client, Certificates: []*x509.Certificate{cert}})
	res, err := msal.AcquireTokenByCredential(t.Context(), []string{graph + "/.default"}, confidential.WithTenantID(contoso))
	require.NoError(t, err)
	_, err = s.Authenticate("Bearer " + res.AccessToken)
	require.NoError(t, err)
	assert.Equal(t, "certificate", s.Requests()[1].Credential)
	assert.Equal(t, 1, s.MetadataRequests())
}

func TestMayBeChangedWhileServing(t *testing.T) {
	s, srv := start(t, Options{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 20 {
				s.SetTenant(Tenant{ID: "other"})
				s.RemoveTenant("other")
				_ = s.Requests()
			}
		})
		wg.Go(func() {
			resp, err := srv.Client().PostForm(srv.URL+"/"+contoso+"/oauth2/v2.0/token", form())
			if assert.NoError(t, err) {
				assert.Equal(t, http.StatusOK, resp.StatusCode)
				assert.NoError(t, resp.Body.Close())
			}
		})
	}
	wg.Wait()
	assert.Equal(t, 4, s.Count(contoso, ""))
}

func certificate(t *testing.T) (*rsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return key, cert
}
