package cloudsim

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/api"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const contoso = "72F988BF-86f1-41af-91ab-2d7cd011db47"

func started(t *testing.T, opts Options) (*Cloud, *http.Client) {
	t.Helper()
	c := New(opts)
	require.NoError(t, c.Start())
	client := c.Client()
	t.Cleanup(func() {
		client.CloseIdleConnections()
		require.NoError(t, c.Close())
	})
	return c, client
}

// signIn gets a token as an application does.
func signIn(t *testing.T, c *Cloud, client *http.Client, tenant, scope string) string {
	t.Helper()
	res, err := client.PostForm(c.URL()+"/"+tenant+"/oauth2/v2.0/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {ClientID}, "client_secret": {ClientSecret}, "scope": {scope},
	})
	require.NoError(t, err)
	defer res.Body.Close()
	var answer struct {
		Token string `json:"access_token"`
	}
	require.NoError(t, json.NewDecoder(res.Body).Decode(&answer))
	require.Equal(t, http.StatusOK, res.StatusCode)
	return answer.Token
}

func get(t *testing.T, client *http.Client, address, token string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := client.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(text)
}

func TestSignInAndReadFromBothAPIs(t *testing.T) {
	c, client := started(t, Options{Seed: 1})
	c.AddTenant(contoso, "contoso")
	id := c.World.Put(strings.ToLower(contoso), world.Alert{})[0]

	token := signIn(t, c, client, contoso, "https://api.securitycenter.microsoft.com/.default")
	status, text := get(t, client, c.EndpointURL()+"/api/alerts", token)
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, text, id)

	graph := signIn(t, c, client, contoso, "https://graph.microsoft.com/.default")
	status, text = get(t, client, c.GraphURL()+"/v1.0/security/alerts_v2", graph)
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, text, id)

	status, _ = get(t, client, c.GraphURL()+"/v1.0/security/alerts_v2", token)
	assert.Equal(t, http.StatusUnauthorized, status, "the token of one API is not taken by the other")
	status, _ = get(t, client, c.EndpointURL()+"/v1.0/security/alerts_v2", graph)
	assert.Equal(t, http.StatusNotFound, status, "nor does one serve the other's path")
	assert.Len(t, c.API.Requests(strings.ToLower(contoso), api.Endpoint), 1)
}

func TestLinksKeepThePrefix(t *testing.T) {
	c, client := started(t, Options{Seed: 1})
	c.AddTenant(contoso, "contoso")
	c.World.Generate(strings.ToLower(contoso), 150, time.Now().Add(-time.Hour), time.Now())
	token := signIn(t, c, client, contoso, "https://graph.microsoft.com/.default")
	_, text := get(t, client, c.GraphURL()+"/v1.0/security/alerts_v2", token)
	var page struct {
		Next string `json:"@odata.nextLink"`
	}
	require.NoError(t, json.Unmarshal([]byte(text), &page))
	require.True(t, strings.HasPrefix(page.Next, c.GraphURL()+"/v1.0/security/alerts_v2?"), page.Next)
	status, text := get(t, client, page.Next, token)
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, 50, strings.Count(text, `"providerAlertId"`))
}

func TestElsewhereRemembersLeakedTokens(t *testing.T) {
	c, client := started(t, Options{})
	status, _ := get(t, client, c.ElsewhereURL()+"/next?page=2", "leaked")
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, []Stray{{"/next?page=2", "Bearer leaked"}}, c.Elsewhere.Requests())
	assert.NotEqual(t, c.URL(), c.ElsewhereURL())
}

func TestStrangersDoNotTrustTheAuthority(t *testing.T) {
	c, _ := started(t, Options{})
	client := &http.Client{Transport: &http.Transport{}}
	_, err := client.Get(c.URL())
	require.ErrorContains(t, err, "certificate")
	path, err := c.CAFile(t.TempDir())
	require.NoError(t, err)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Contains(t, string(text), "BEGIN CERTIFICATE")
	_, err = c.CAFile(path)
	require.Error(t, err, "a file is no folder")
}

func TestPlain(t *testing.T) {
	c, client := started(t, Options{Plain: true})
	assert.True(t, strings.HasPrefix(c.URL(), "http://127.0.0.1:"))
	status, _ := get(t, client, c.EndpointURL()+"/api/alerts", "nobody")
	assert.Equal(t, http.StatusUnauthorized, status)
}

func TestCloseEndsHangingRequests(t *testing.T) {
	c, client := started(t, Options{})
	c.AddTenant(contoso, "contoso")
	token := signIn(t, c, client, contoso, "https://graph.microsoft.com/.default")
	hanging, asked := make(chan struct{}), make(chan struct{})
	c.API.Inject(api.Rule{Faults: []api.Fault{api.Hang()}})
	go func() {
		defer close(hanging)
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
			WroteRequest: func(httptrace.WroteRequestInfo) { close(asked) },
		})
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, c.GraphURL()+"/v1.0/security/alerts_v2", nil)
		req.Header.Set("Authorization", "Bearer "+token)
		if res, err := client.Do(req); err == nil {
			_ = res.Body.Close()
		}
	}()
	<-asked
	require.NoError(t, c.Close())
	<-hanging
}

// TestFiveHundredTenants shows that a provider's whole park fits.
func TestFiveHundredTenants(t *testing.T) {
	c, client := started(t, Options{Seed: 1})
	begin := time.Now()
	for i := range 500 {
		id := fmt.Sprintf("00000000-0000-4000-8000-%012d", i)
		c.AddTenant(id, fmt.Sprint("tenant ", i))
		c.World.Generate(id, 300, begin.Add(-24*time.Hour), begin)
	}
	built := time.Since(begin)
	token := signIn(t, c, client, "00000000-0000-4000-8000-000000000499", "https://api.securitycenter.microsoft.com/.default")
	status, text := get(t, client, c.EndpointURL()+"/api/alerts?$expand=evidence", token)
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, 300, strings.Count(text, `"aadTenantId"`))
	t.Logf("150,000 alerts made in %v", built)
}
