package entra

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const verifier = "a-verifier-of-at-least-forty-three-characters"

func challenge() string {
	digest := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(digest[:])
}

// browse opens a page and returns where the browser is sent.
func browse(t *testing.T, srv *httptest.Server, path string, q url.Values) (int, url.Values) {
	t.Helper()
	client := *srv.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Get(srv.URL + path + "?" + q.Encode())
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	to, err := resp.Location()
	if err != nil {
		return resp.StatusCode, nil
	}
	return resp.StatusCode, to.Query()
}

func values(base url.Values, changes ...string) url.Values {
	v := url.Values{}
	for key := range base {
		v.Set(key, base.Get(key))
	}
	for i := 0; i < len(changes); i += 2 {
		v.Set(changes[i], changes[i+1])
		if changes[i+1] == "" {
			v.Del(changes[i])
		}
	}
	return v
}

func authorization(changes ...string) url.Values {
	return values(url.Values{
		"client_id": {client}, "response_type": {"code"}, "redirect_uri": {"http://localhost:4711/"}, "state": {"st4te"},
		"scope": {graph + "/.default offline_access"}, "code_challenge": {challenge()}, "code_challenge_method": {"S256"},
	}, changes...)
}

func redemption(code string, changes ...string) url.Values {
	return values(url.Values{
		"grant_type": {"authorization_code"}, "client_id": {client}, "client_secret": {"s3cret"}, "code": {code},
		"redirect_uri": {"http://localhost:4711/"}, "code_verifier": {verifier},
	}, changes...)
}

func refreshing(token string, changes ...string) url.Values {
	return values(url.Values{
		"grant_type": {"refresh_token"}, "client_id": {client}, "client_secret": {"s3cret"}, "refresh_token": {token},
		"scope": {graph + "/.default offline_access"},
	}, changes...)
}

func requireCode(t *testing.T, doc map[string]any, code float64) {
	t.Helper()
	require.Equal(t, []any{code}, doc["error_codes"], doc)
	require.Equal(t, "invalid_grant", doc["error"])
}

func TestUserSignsInAndGoesOnByRefreshing(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s, srv := start(t, Options{Now: func() time.Time { return now }})
	status, answer := browse(t, srv, "/"+contoso+"/oauth2/v2.0/authorize", authorization())
	require.Equal(t, http.StatusFound, status)
	assert.Equal(t, "st4te", answer.Get("state"))
	resp, doc := post(t, srv, contoso, redemption(answer.Get("code")))
	require.Equal(t, http.StatusOK, resp.StatusCode, doc)
	first := doc["refresh_token"].(string)
	claims, err := s.Authenticate("Bearer " + doc["access_token"].(string))
	require.NoError(t, err)
	assert.True(t, claims.Delegated)
	assert.Equal(t, "SecurityAlert.Read.All", said(t, doc["access_token"].(string))["scp"])
	assert.NotContains(t, said(t, doc["access_token"].(string)), "roles")

	_, doc = post(t, srv, contoso, refreshing(first))
	second := doc["refresh_token"].(string)
	assert.NotEqual(t, first, second)
	for _, token := range []string{first, second} {
		resp, _ = post(t, srv, contoso, refreshing(token))
		assert.Equal(t, http.StatusOK, resp.StatusCode, "the old one works on")
	}
	_, doc = postTo(t, srv, "/"+contoso+"/oauth2/token", refreshing(second, "scope", "", "resource", siem))
	assert.Equal(t, "3600", doc["expires_in"])
	assert.Equal(t, siem, doc["resource"])
	assert.NotEmpty(t, doc["refresh_token"])
	_, doc = post(t, srv, contoso, refreshing(second, "scope", graph+"/.default"))
	assert.NotContains(t, doc, "refresh_token", "it was not asked for")
	assert.Subset(t, s.Issued(), []string{first, second, answer.Get("code"), verifier})
	assert.Equal(t, 5, s.SignIns(contoso))
}

func said(t *testing.T, token string) map[string]any {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	require.NoError(t, err)
	claims := map[string]any{}
	require.NoError(t, json.Unmarshal(raw, &claims))
	return claims
}

func TestCodeIsGoodForOneUseOfItsOwner(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s, srv := start(t, Options{Now: func() time.Time { return now }})
	s.SetApp(App{ClientID: "other", Secrets: []string{"s3cret"}})
	s.SetTenant(Tenant{ID: "fabrikam", Consented: true})
	for _, tt := range []struct {
		tenant  string
		changes []string
		want    float64
	}{
		{contoso, []string{"code_verifier", "wrong"}, 501481},
		{contoso, []string{"code_verifier", ""}, 501481},
		{contoso, []string{"redirect_uri", "http://localhost:4712/"}, 500112},
		{contoso, []string{"client_id", "other"}, 70000},
		{"fabrikam", nil, 700005},
	} {
		_, answer := browse(t, srv, "/"+contoso+"/oauth2/v2.0/authorize", authorization())
		_, doc := post(t, srv, tt.tenant, redemption(answer.Get("code"), tt.changes...))
		requireCode(t, doc, tt.want)
		_, doc = post(t, srv, contoso, redemption(answer.Get("code")))
		requireCode(t, doc, 54005)
	}
	_, doc := post(t, srv, contoso, redemption("invented"))
	requireCode(t, doc, 70000)
	_, answer := browse(t, srv, "/"+contoso+"/oauth2/v2.0/authorize", authorization())
	now = now.Add(10 * time.Minute)
	_, doc = post(t, srv, contoso, redemption(answer.Get("code")))
	requireCode(t, doc, 70008)
}

func TestRefreshTokensEnd(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s, srv := start(t, Options{Now: func() time.Time { return now }})
	s.SetTenant(Tenant{ID: "fabrikam", Consented: true})
	for _, code := range []int{50173, 70008, 70043} {
		token := s.SignIn(contoso, client)
		s.RevokeSignIns(contoso, code)
		_, doc := post(t, srv, contoso, refreshing(token))
		requireCode(t, doc, float64(code))
	}
	token, other := s.SignIn(contoso, client), s.SignIn(contoso, client)
	s.RevokeSignIn(other, 50173)
	_, doc := post(t, srv, contoso, refreshing(other))
	requireCode(t, doc, 50173)
	_, doc = post(t, srv, "fabrikam", refreshing(token))
	requireCode(t, doc, 50020)
	_, doc = post(t, srv, contoso, refreshing("invented"))
	requireCode(t, doc, 70000)
	_, doc = post(t, srv, contoso, refreshing(token, "scope", "https://other.example/.default"))
	requireCode(t, doc, 65001)
	now = now.Add(90 * 24 * time.Hour)
	_, doc = post(t, srv, contoso, refreshing(token))
	requireCode(t, doc, 700082)
	_, doc = post(t, srv, contoso, refreshing(s.SignIn(contoso, client), "client_secret", "wrong"))
	assert.Equal(t, []any{7000215.0}, doc["error_codes"], "the application proves itself as ever")
}

func TestAnswerThatIsLostWasGivenAllTheSame(t *testing.T) {
	s, srv := start(t, Options{})
	token := s.SignIn(contoso, client)
	s.SetFault(contoso, Fault{Lost: true, Times: 1})
	hasty := *srv.Client()
	hasty.Timeout = 50 * time.Millisecond
	_, err := hasty.PostForm(srv.URL+"/"+contoso+"/oauth2/v2.0/token", refreshing(token))
	require.Error(t, err)
	require.Eventually(t, func() bool { return s.SignIns(contoso) == 2 }, 5*time.Second, 10*time.Millisecond)
}

func TestOlderEndpoint(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s, srv := start(t, Options{Now: func() time.Time { return now }, Lifetime: time.Minute})
	_, doc := postTo(t, srv, "/"+contoso+"/oauth2/token", form("resource", graph))
	assert.Equal(t, "60", doc["expires_in"])
	assert.Equal(t, "1800000060", doc["expires_on"])
	claims, err := s.Authenticate("Bearer " + doc["access_token"].(string))
	require.NoError(t, err)
	assert.Equal(t, []string{"SecurityAlert.Read.All"}, claims.Roles)
	assert.False(t, claims.Delegated)
	_, doc = postTo(t, srv, "/"+contoso+"/oauth2/token", form())
	assert.Equal(t, []any{900144.0}, doc["error_codes"])
	requests := s.Requests()
	assert.Equal(t, graph, requests[0].Resource)

	status, answer := browse(t, srv, "/"+contoso+"/oauth2/authorize", authorization("scope", "", "resource", siem))
	require.Equal(t, http.StatusFound, status)
	_, doc = postTo(t, srv, "/"+contoso+"/oauth2/token", redemption(answer.Get("code")))
	assert.Equal(t, siem, doc["resource"])
	assert.NotEmpty(t, doc["refresh_token"], "without asking")
}

func TestBrowserIsSentToRegisteredPlacesOnly(t *testing.T) {
	s, srv := start(t, Options{})
	for name, tt := range map[string]struct {
		path   string
		q      url.Values
		status int
	}{
		"a port of its own": {contoso, authorization(), 302},
		"registered":        {contoso, authorization("redirect_uri", "https://portal.example/done"), 302},
		"none named":        {contoso, authorization("redirect_uri", ""), 302},
		"elsewhere":         {contoso, authorization("redirect_uri", "https://evil.example/"), 400},
		"another path":      {contoso, authorization("redirect_uri", "http://localhost:1/x"), 400},
		"another port":      {contoso, authorization("redirect_uri", "https://portal.example:444/done"), 400},
		"no such app":       {contoso, authorization("client_id", "x"), 400},
		"no such tenant":    {"nowhere", authorization(), 400},
		"nobody's home":     {"organizations", authorization(), 400},
	} {
		status, _ := browse(t, srv, "/"+tt.path+"/oauth2/v2.0/authorize", tt.q)
		assert.Equal(t, tt.status, status, name)
	}
	_, answer := browse(t, srv, "/"+contoso+"/oauth2/v2.0/authorize", authorization("response_type", "token"))
	assert.Equal(t, "unsupported_response_type", answer.Get("error"))
	_, answer = browse(t, srv, "/"+contoso+"/oauth2/v2.0/authorize", authorization("scope", "openid"))
	assert.Equal(t, "invalid_scope", answer.Get("error"))
	s.SetUser(contoso, User{Declines: true})
	_, answer = browse(t, srv, "/"+contoso+"/oauth2/v2.0/authorize", authorization())
	assert.Equal(t, "access_denied", answer.Get("error"))
	assert.Equal(t, "st4te", answer.Get("state"))
	assert.Contains(t, answer.Get("error_description"), "AADSTS65004")
	s.SetUser(contoso, User{Refused: 53003})
	status, _ := browse(t, srv, "/"+contoso+"/oauth2/v2.0/authorize", authorization())
	assert.Equal(t, http.StatusBadRequest, status)
}

func TestAdministratorConsents(t *testing.T) {
	for path, scoped := range map[string]bool{"/adminconsent": false, "/v2.0/adminconsent": true} {
		for _, tenant := range []string{contoso, "organizations"} {
			s, srv := start(t, Options{})
			s.SetTenant(Tenant{ID: contoso})
			s.SetUser("organizations", User{Home: contoso})
			q := values(url.Values{"client_id": {client}, "redirect_uri": {"https://portal.example/done"}, "state": {"st4te"}})
			if scoped {
				q.Set("scope", graph+"/.default")
			}
			_, doc := post(t, srv, contoso, form())
			require.Equal(t, []any{700016.0}, doc["error_codes"])

			s.SetUser(tenant, User{Declines: true, Home: contoso})
			_, answer := browse(t, srv, "/"+tenant+path, q)
			assert.NotEmpty(t, answer.Get("error"))
			assert.Equal(t, []string{"True", "st4te", ""}, []string{answer.Get("admin_consent"), answer.Get("state"), answer.Get("tenant")})
			_, doc = post(t, srv, contoso, form())
			require.Equal(t, []any{700016.0}, doc["error_codes"])

			s.SetUser(tenant, User{Home: contoso})
			_, answer = browse(t, srv, "/"+tenant+path, q)
			assert.Empty(t, answer.Get("error"))
			assert.Equal(t, []string{"True", "st4te", contoso}, []string{answer.Get("admin_consent"), answer.Get("state"), answer.Get("tenant")})
			_, doc = post(t, srv, contoso, form())
			assert.Equal(t, []any{"SecurityAlert.Read.All"}, said(t, doc["access_token"].(string))["roles"])
		}
	}
	_, srv := start(t, Options{})
	status, _ := browse(t, srv, "/"+contoso+"/v2.0/adminconsent", url.Values{"client_id": {client}})
	assert.Equal(t, http.StatusBadRequest, status, "v2.0 wants a scope")
	status, _ = browse(t, srv, "/common/v2.0/adminconsent", url.Values{"client_id": {client}, "scope": {graph + "/.default"}})
	assert.Equal(t, http.StatusBadRequest, status)
}
