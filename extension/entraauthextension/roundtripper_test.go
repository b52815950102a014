package entraauthextension

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/extension/retryonstatusextension"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/entra"
)

// body notes whether it was closed.
type body struct {
	io.Reader
	closed atomic.Bool
}

func (b *body) Close() error {
	b.closed.Store(true)
	return nil
}

const withDefault = twoTenants + "default_tenant: fabrikam\ndefault_scope: " + graphScope + "\n"

func (w *world) request(method, url string, b io.Reader) *http.Request {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, url, b)
	require.NoError(w.t, err)
	return req
}

func (w *world) roundTrip(req *http.Request) error {
	resp, err := w.client.Transport.RoundTrip(req)
	if err == nil {
		_ = resp.Body.Close()
	}
	return err
}

func TestTokenGoesNowhereElse(t *testing.T) {
	w := newWorld(t, entra.Options{}).start(withDefault)
	other := httptest.NewServer(http.HandlerFunc(w.serveAPI))
	defer other.Close()
	_, err := w.getAt(other.URL, contoso)
	requireReason(t, err, entraauth.ReasonOrigin)
	_, err = w.getAt(strings.Replace(w.api.URL, "http:", "https:", 1), contoso)
	requireReason(t, err, entraauth.ReasonOrigin)

	w.setAnswer(func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, other.URL, http.StatusTemporaryRedirect)
	})
	_, err = w.get(contoso)
	requireReason(t, err, entraauth.ReasonOrigin)
	_, err = w.do(w.request(http.MethodGet, w.api.URL, nil))
	requireReason(t, err, entraauth.ReasonOrigin)
	require.Len(t, w.seenTokens(), 2, "the other place was never asked")

	for _, plain := range []string{"http://api.example", "http://192.0.2.1:80", "ftp://localhost"} {
		require.Error(t, w.roundTrip(w.request(http.MethodGet, plain, nil)))
		requireReason(t, w.roundTrip(w.request(http.MethodGet, plain, nil)), entraauth.ReasonOrigin)
		ctx := entraauth.NewContext(t.Context(), &entraauth.Request{TenantID: contoso, Scope: graphScope, Origin: strings.TrimSuffix(plain, ":80")})
		requireReason(t, w.roundTrip(w.request(http.MethodGet, plain, nil).WithContext(ctx)), entraauth.ReasonOrigin)
	}
}

func TestRedirectWithinTheOriginKeepsTheToken(t *testing.T) {
	w := newWorld(t, entra.Options{}).start(withDefault)
	w.setAnswer(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/there" {
			http.Redirect(rw, r, "/there", http.StatusFound)
		}
	})
	status, err := w.do(w.request(http.MethodGet, w.api.URL, nil))
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, status)
	tokens := w.seenTokens()
	assert.Equal(t, tokens[0], tokens[1])
}

func TestBodyIsClosedWhereNothingIsSent(t *testing.T) {
	w := newWorld(t, entra.Options{}).start(twoTenants)
	w.entra.SetTenant(entra.Tenant{ID: contoso})
	asking := func(tenant, origin string) context.Context {
		return entraauth.NewContext(t.Context(), &entraauth.Request{TenantID: tenant, Scope: graphScope, Origin: origin})
	}
	for name, ctx := range map[string]context.Context{
		"foreign": asking(contoso, "https://elsewhere"), "unknown": asking("nobody", w.api.URL),
		"refused": asking(contoso, w.api.URL), "no default": t.Context(),
	} {
		t.Run(name, func(t *testing.T) {
			b := &body{Reader: strings.NewReader("x")}
			require.Error(t, w.roundTrip(w.request(http.MethodPost, w.api.URL, b).WithContext(ctx)))
			assert.True(t, b.closed.Load())
		})
	}
	assert.Empty(t, w.seenTokens())
}

func TestRequestOfTheCallerIsNotChanged(t *testing.T) {
	w := newWorld(t, entra.Options{}).start(withDefault)
	req := w.request(http.MethodGet, w.api.URL, nil)
	req.Header = nil
	require.NoError(t, w.roundTrip(req))
	assert.Nil(t, req.Header)
	req.Header = http.Header{"Authorization": {"mine"}}
	require.NoError(t, w.roundTrip(req))
	assert.Equal(t, http.Header{"Authorization": {"mine"}}, req.Header)
	assert.NotContains(t, w.seenTokens(), "mine")
}

func TestUnauthorizedIsTheReceiversToRepeat(t *testing.T) {
	w := newWorld(t, entra.Options{}).start(twoTenants)
	w.setAnswer(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusUnauthorized) })
	for range 4 {
		status, err := w.get(contoso)
		require.NoError(t, err)
		assert.Equal(t, http.StatusUnauthorized, status)
	}
	assert.Len(t, w.seenTokens(), 4, "one request each")
	assert.Equal(t, 2, w.entra.Count(contoso, ""), "one fresh token, then no more for the recheck interval")
}

func TestForbiddenTokenIsReplacedAfterARecheckInterval(t *testing.T) {
	w := newWorld(t, entra.Options{}).start(twoTenants + "recheck_interval: 1s")
	w.setAnswer(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusForbidden) })
	for range 3 {
		status, err := w.get(contoso)
		require.NoError(t, err)
		require.Equal(t, http.StatusForbidden, status)
	}
	require.Equal(t, 1, w.entra.Count(contoso, ""))
	require.Eventually(t, func() bool {
		_, err := w.get(contoso)
		return err == nil && w.entra.Count(contoso, "") == 2
	}, 5*time.Second, 50*time.Millisecond)
}

func TestOtherComponentsAreServedByTheDefaultTenant(t *testing.T) {
	w := newWorld(t, entra.Options{}).start(withDefault)
	status, err := w.do(w.request(http.MethodPost, w.api.URL, strings.NewReader("x")))
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	claims, err := w.entra.Authenticate(w.seenTokens()[0])
	require.NoError(t, err)
	require.Equal(t, fabrikam, claims.TenantID)

	w.entra.Revoke(fabrikam)
	var got []string
	w.setAnswer(func(rw http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		got = append(got, string(text))
		if _, err := w.entra.Authenticate(r.Header.Get("Authorization")); err != nil {
			rw.WriteHeader(http.StatusUnauthorized)
		}
	})
	status, err = w.do(w.request(http.MethodPost, w.api.URL, strings.NewReader("again")))
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, []string{"again", "again"}, got, "repeated whole, with a fresh token")
}

func TestWhatCannotBeRepeatedIsNot(t *testing.T) {
	w := newWorld(t, entra.Options{}).start(withDefault)
	require.NoError(t, w.roundTrip(w.request(http.MethodGet, w.api.URL, nil)))
	w.entra.Revoke(fabrikam)
	_, err := w.do(w.request(http.MethodPost, w.api.URL, &body{Reader: strings.NewReader("once")}))
	require.ErrorContains(t, err, "answered 401")
	assert.Len(t, w.seenTokens(), 2)
}

func TestBodyThatCannotBeHadAgainIsNotRepeated(t *testing.T) {
	w := newWorld(t, entra.Options{}).start(withDefault)
	require.NoError(t, w.roundTrip(w.request(http.MethodGet, w.api.URL, nil)))
	w.entra.Revoke(fabrikam)
	req, asked := w.request(http.MethodPost, w.api.URL, strings.NewReader("x")), false
	req.GetBody = func() (io.ReadCloser, error) {
		asked = true
		return nil, errors.New("gone")
	}
	_, err := w.do(req)
	require.ErrorContains(t, err, "answered 401")
	assert.True(t, asked)
}

// An exporter drops its records at most of these statuses; what does not blame them must not look as if it did.
func TestAnAnswerThatBlamesNoRecordIsAnError(t *testing.T) {
	w := newWorld(t, entra.Options{}).start(withDefault)
	for status, says := range map[int]string{
		http.StatusUnauthorized: "its role", http.StatusForbidden: "its role", http.StatusNotFound: "check the address",
		http.StatusRequestTimeout: "nobody", http.StatusInternalServerError: "nobody",
		http.StatusOK: "", http.StatusNoContent: "", http.StatusBadRequest: "", http.StatusRequestEntityTooLarge: "",
		http.StatusTooManyRequests: "", http.StatusBadGateway: "", http.StatusServiceUnavailable: "", http.StatusGatewayTimeout: "",
	} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			w.setAnswer(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(status) })
			got, err := w.do(w.request(http.MethodPost, w.api.URL, strings.NewReader("x")))
			if says == "" {
				require.NoError(t, err)
				assert.Equal(t, status, got)
				return
			}
			require.ErrorContains(t, err, says)
			assert.ErrorContains(t, err, w.api.URL+" answered "+strconv.Itoa(status))
		})
	}
}

// The middleware sees the answer first, and makes an error of it.
func TestATokenIsRenewedBehindRetryOnStatus(t *testing.T) {
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			w := newWorld(t, entra.Options{}).start(withDefault + "recheck_interval: 1s")
			factory := retryonstatusextension.NewFactory()
			retry, err := factory.Create(t.Context(), extensiontest.NewNopSettings(factory.Type()), factory.CreateDefaultConfig())
			require.NoError(t, err)
			wrap, err := retry.(extensionmiddleware.HTTPClient).GetHTTPRoundTripper(t.Context())
			require.NoError(t, err)
			base, err := wrap(t.Context(), http.DefaultTransport)
			require.NoError(t, err)
			w.client.Transport, err = w.ext.RoundTripper(base)
			require.NoError(t, err)

			require.NoError(t, w.roundTrip(w.request(http.MethodPost, w.api.URL, strings.NewReader("x"))))
			w.setAnswer(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(status) })
			require.Eventually(t, func() bool {
				err := w.roundTrip(w.request(http.MethodPost, w.api.URL, strings.NewReader("x")))
				return assert.ErrorContains(t, err, "answered "+strconv.Itoa(status)) && w.entra.Count(fabrikam, "") == 2
			}, 5*time.Second, 20*time.Millisecond, "a fresh token")
		})
	}
}

func TestWithoutDefaultThereIsAClearError(t *testing.T) {
	w := newWorld(t, entra.Options{}).start(twoTenants)
	_, err := w.do(w.request(http.MethodGet, w.api.URL, nil))
	assert.Contains(t, refusal(t, err, entraauth.ReasonConfiguration).Error(), "default_tenant and default_scope")
}
