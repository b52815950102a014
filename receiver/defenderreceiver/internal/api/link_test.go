package api

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestANextLinkOnTheSameOriginIsResolved(t *testing.T) {
	const address = "https://api.example/v1.0/security/alerts_v2" + query
	for link, want := range map[string]string{
		"https://api.example/v1.0/security/alerts_v2?$skiptoken=a%2Bb": "https://api.example/v1.0/security/alerts_v2?$skiptoken=a%2Bb",
		"https://API.example:443/v1.0/x":                               "https://API.example:443/v1.0/x",
		"HTTPS://api.example/x":                                        "https://api.example/x",
		"?$skiptoken=2":                                                "https://api.example/v1.0/security/alerts_v2?$skiptoken=2",
		"/v1.0/security/alerts_v2?$skip=100":                           "https://api.example/v1.0/security/alerts_v2?$skip=100",
		"alerts_v2?$skip=100":                                          "https://api.example/v1.0/security/alerts_v2?$skip=100",
		"//api.example/x":                                              "https://api.example/x",
		"../../../../x":                                                "https://api.example/x",
	} {
		got, err := sameOrigin(address, link)
		require.NoError(t, err, link)
		assert.Equal(t, want, got, link)
	}
}

func TestANextLinkElsewhereIsRefused(t *testing.T) {
	const address = "https://api.example/v1.0/security/alerts_v2" + query
	for _, link := range []string{
		"https://evil.example/v1.0/security/alerts_v2",
		"https://api.example.evil.example/x",
		"https://api.example:8443/x",
		"https://api.example:80/x",
		"http://api.example/x",
		"http://api.example:443/x",
		"//evil.example/x",
		"https://user@api.example/x",
		"https://user:password@api.example/x",
		"https://api.example@evil.example/x",
		"https://api.example\\@evil.example/x",
		"https:\\\\api.example/x",
		"https:api.example",
		"ftp://api.example/x",
		"javascript:alert(1)",
		"file:///etc/passwd",
		"https://[::1]/x",
		"https://api.example\r\nX: y",
		"https://xn--api.example/x",
		"https://%61pi.example/x",
		"://",
		"https://" + strings.Repeat("a", 10_000) + ".example/x",
		"https://\u202eapi.example/x",
	} {
		_, err := sameOrigin(address, link)
		e := failure(t, err)
		assert.Equal(t, KindForeignLink, e.Kind, link)
		assert.NotContains(t, err.Error(), "password")
		assert.NotContains(t, err.Error(), "\u202e")
	}
}

func TestALinkMayNotLeaveAPortEither(t *testing.T) {
	_, err := sameOrigin("http://127.0.0.1:4711/api", "http://127.0.0.1:4712/api")
	assert.Equal(t, KindForeignLink, failure(t, err).Kind)
	_, err = sameOrigin("http://127.0.0.1:4711/api", "http://localhost:4711/api")
	assert.Equal(t, KindForeignLink, failure(t, err).Kind)
	got, err := sameOrigin("http://127.0.0.1:4711/api", "?a=b")
	require.NoError(t, err)
	assert.Equal(t, "http://127.0.0.1:4711/api?a=b", got)
}

func TestTheLinkOfAPageIsJudged(t *testing.T) {
	link := ""
	c, address := clientOf(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"value":[{"id":"a"}],"@odata.nextLink":`+strconv.Quote(link)+`}`)
	})
	link = address + "/api/alerts?$skip=1"
	page, _, err := read(t.Context(), c, address)
	require.NoError(t, err)
	assert.Equal(t, link, page.NextLink)

	link = "/api/alerts?$skip=1"
	page, _, err = read(t.Context(), c, address)
	require.NoError(t, err)
	assert.Equal(t, address+link, page.NextLink)

	link = "https://evil.example/"
	page, records, err := read(t.Context(), c, address)
	assert.Equal(t, KindForeignLink, failure(t, err).Kind)
	assert.Empty(t, page.NextLink)
	assert.Len(t, records, 1, "the records themselves came from the API")
}

func TestARedirectIsNeverFollowed(t *testing.T) {
	var visits atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits.Add(1) }))
	defer elsewhere.Close()
	for _, status := range []int{300, 301, 302, 303, 307, 308} {
		for name, location := range map[string]string{
			"elsewhere": elsewhere.URL, "here": "/other", "nowhere": "", "unreadable": "https://%zz/" + token + query,
		} {
			t.Run(strconv.Itoa(status)+" "+name, func(t *testing.T) {
				c, address := clientOf(t, func(w http.ResponseWriter, r *http.Request) {
					assert.Equal(t, "/api/alerts", r.URL.Path, "it was followed")
					w.Header().Set("Location", location)
					w.WriteHeader(status)
				})
				_, _, err := read(t.Context(), c, address)
				e := failure(t, err)
				assert.Equal(t, KindRedirect, e.Kind)
				assert.Equal(t, status, e.Status)
			})
		}
	}
	assert.Zero(t, visits.Load(), "the token was sent elsewhere")
}

func FuzzNextLink(f *testing.F) {
	for _, seed := range []string{
		"?$skip=1", "https://api.example/x", "https://api.example:443", "//evil", "https://a@api.example", "https:/\\evil", "\x00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, link string) {
		got, err := sameOrigin("https://api.example/v1.0/security/alerts_v2"+query, link)
		if err != nil {
			require.Equal(t, KindForeignLink, failure(t, err).Kind)
			return
		}
		// What net/http will make of it, not what the package thinks of it.
		req, err := http.NewRequest(http.MethodGet, got, http.NoBody)
		if err != nil {
			return
		}
		require.Equal(t, "https", req.URL.Scheme)
		require.Equal(t, "api.example", strings.ToLower(req.URL.Hostname()))
		require.Contains(t, []string{"", "443"}, req.URL.Port())
		require.Nil(t, req.URL.User)
	})
}
