package token

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	msalerrors "github.com/AzureAD/microsoft-authentication-library-for-go/apps/errors"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/internal/credential"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func body(oauth string, code int) string {
	return fmt.Sprintf(`{"error":%q,"error_description":"AADSTS%d: Text. Trace ID: 1\r\nTimestamp: 2","error_codes":[%d]}`, oauth, code, code)
}

func TestClassification(t *testing.T) {
	for _, tt := range []struct {
		status int
		body   string
		reason entraauth.Reason
		code   string
	}{
		{401, body("invalid_client", 7000215), entraauth.ReasonCredential, "AADSTS7000215"},
		{401, body("invalid_client", 7000222), entraauth.ReasonCredential, "AADSTS7000222"},
		{401, body("invalid_client", 700027), entraauth.ReasonCredential, "AADSTS700027"},
		{401, body("invalid_client", 700213), entraauth.ReasonCredential, "AADSTS700213"},
		{401, body("invalid_client", 424242), entraauth.ReasonCredential, "AADSTS424242"},
		{400, body("unauthorized_client", 700016), entraauth.ReasonNotConsented, "AADSTS700016"},
		{400, body("invalid_grant", 65001), entraauth.ReasonNotConsented, "AADSTS65001"},
		{401, body("invalid_client", 7000112), entraauth.ReasonDisabled, "AADSTS7000112"},
		{400, body("invalid_resource", 500011), entraauth.ReasonNotLicensed, "AADSTS500011"},
		{400, body("invalid_client", 650052), entraauth.ReasonNotLicensed, "AADSTS650052"},
		{400, body("invalid_request", 90002), entraauth.ReasonUnknownTenant, "AADSTS90002"},
		{400, body("invalid_tenant", 0), entraauth.ReasonUnknownTenant, ""},
		{400, body("invalid_request", 900382), entraauth.ReasonWrongCloud, "AADSTS900382"},
		{400, body("invalid_grant", 53003), entraauth.ReasonBlocked, "AADSTS53003"},
		{400, body("access_denied", 500212), entraauth.ReasonBlocked, "AADSTS500212"},
		{400, body("invalid_grant", 700082), entraauth.ReasonSignIn, "AADSTS700082"},
		{400, body("invalid_grant", 424242), entraauth.ReasonBlocked, "AADSTS424242"},
		{400, body("invalid_grant", 501051), entraauth.ReasonBlocked, "AADSTS501051"},
		{400, body("unauthorized_client", 530034), entraauth.ReasonBlocked, "AADSTS530034"},
		{400, body("interaction_required", 1), entraauth.ReasonBlocked, "AADSTS1"},
		{401, body("invalid_client", 700024), entraauth.ReasonCredential, "AADSTS700024"},
		{400, body("invalid_scope", 70011), entraauth.ReasonConfiguration, "AADSTS70011"},
		{400, body("new_error", 123), entraauth.ReasonConfiguration, "AADSTS123"},
		{400, body("invalid_request", 90055), entraauth.ReasonThrottled, "AADSTS90055"},
		{400, body("invalid_grant", 50196), entraauth.ReasonThrottled, "AADSTS50196"},
		{429, "slow down", entraauth.ReasonThrottled, ""},
		{429, body("unauthorized_client", 700016), entraauth.ReasonThrottled, "AADSTS700016"},
		{503, body("temporarily_unavailable", 90033), entraauth.ReasonTransient, "AADSTS90033"},
		{400, body("server_error", 0), entraauth.ReasonTransient, ""},
		{502, "<html>bad gateway</html>", entraauth.ReasonTransient, ""},
		{408, "", entraauth.ReasonTransient, ""},
		{403, "<html>a proxy</html>", entraauth.ReasonConfiguration, ""},
		{302, "", entraauth.ReasonConfiguration, ""},
		{400, `{"error":"unauthorized_client","error_description":"AADSTS700016: x","error_codes":"700016"}`, entraauth.ReasonNotConsented, "AADSTS700016"},
		{400, `{"error":"unauthorized_client","error_description":"AADSTS99999999999999999999: x"}`, entraauth.ReasonNotConsented, ""},
		{400, `[]`, entraauth.ReasonConfiguration, ""},
	} {
		t.Run(fmt.Sprintf("%d %.60s", tt.status, tt.body), func(t *testing.T) {
			refused := ClassifyAnswer(tt.status, "", []byte(tt.body), noon)
			assert.Equal(t, tt.reason, refused.Reason)
			assert.Equal(t, tt.code, refused.Code)
			assert.True(t, refused.RetryAt.IsZero())
			assert.NotContains(t, refused.Error(), "Trace ID")
			assert.NotContains(t, refused.Error(), "html")
		})
	}
}

func TestEveryReasonHasAnAdvice(t *testing.T) {
	s := Subject{ClientID: "app", Authority: "https://login.example", TenantID: "tenant", Scope: "scope"}
	for _, reason := range []entraauth.Reason{
		entraauth.ReasonCredential, entraauth.ReasonNotConsented, entraauth.ReasonNoRole, entraauth.ReasonDisabled,
		entraauth.ReasonNotLicensed, entraauth.ReasonUnknownTenant, entraauth.ReasonWrongCloud, entraauth.ReasonBlocked,
		entraauth.ReasonSignIn, entraauth.ReasonConfiguration, entraauth.ReasonWrongToken, entraauth.ReasonThrottled,
		entraauth.ReasonTransient,
	} {
		advice := Advice(reason, s)
		assert.Regexp(t, "provider|customer|nobody", advice, reason)
		assert.NotContains(t, advice, "\n")
	}
	assert.Contains(t, Advice(entraauth.ReasonNotConsented, s), "https://login.example/tenant/adminconsent?client_id=app")
}

func TestRetryAfter(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"0": 0, "17": 17 * time.Second, " 5 ": 5 * time.Second, "99999": time.Hour, "18446744073709551615": time.Hour,
		"Sun, 22 Nov 2026 12:00:30 GMT": 30 * time.Second, "Sun, 22 Nov 2026 11:00:00 GMT": 0, "Wed, 01 Jan 2099 00:00:00 GMT": time.Hour,
	} {
		got, ok := RetryAfter(value, noon)
		assert.True(t, ok, value)
		assert.Equal(t, want, got, value)
	}
	for _, value := range []string{"", "-1", "soon", "1.5", "99999999999999999999999"} {
		_, ok := RetryAfter(value, noon)
		assert.False(t, ok, value)
	}
}

func TestRetryAfterCountsOnlyWhereItMeansSomething(t *testing.T) {
	assert.Equal(t, noon.Add(7*time.Second), ClassifyAnswer(429, "7", nil, noon).RetryAt)
	assert.Equal(t, noon.Add(7*time.Second), ClassifyAnswer(503, "7", nil, noon).RetryAt)
	assert.True(t, ClassifyAnswer(400, "7", nil, noon).RetryAt.IsZero())
}

func TestDescriptionIsOneShortPrintableLine(t *testing.T) {
	long, err := json.Marshal(map[string]string{
		"error": "invalid_client", "error_description": "A\x1b[31m\t" + strings.Repeat("é", 400) + "\nsecond",
	})
	require.NoError(t, err)
	text := ClassifyAnswer(401, "", long, noon).Err.Error()
	assert.LessOrEqual(t, len(text), 300)
	assert.True(t, utf8.ValidString(text))
	assert.True(t, strings.HasPrefix(text, "A[31mé"), text)
	assert.NotContains(t, text, "second")
}

func TestErrorsThatAreNotAnswers(t *testing.T) {
	leak := errors.New("leak")
	call := msalerrors.CallErr{
		Req: &http.Request{Body: io.NopCloser(strings.NewReader("client_secret=leak"))}, Err: leak,
		Resp: &http.Response{StatusCode: http.StatusUnauthorized, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body("invalid_client", 7000215)))},
	}
	for name, tt := range map[string]struct {
		err    error
		reason entraauth.Reason
	}{
		"answer":      {call, entraauth.ReasonCredential},
		"garbage":     {msalerrors.InvalidJsonErr{Err: leak}, entraauth.ReasonTransient},
		"network":     {&url.Error{Op: "Post", URL: "https://leak", Err: io.ErrUnexpectedEOF}, entraauth.ReasonTransient},
		"too large":   {fmt.Errorf("read: %w", errTooLarge), entraauth.ReasonTransient},
		"deadline":    {context.DeadlineExceeded, entraauth.ReasonTransient},
		"canceled":    {context.Canceled, entraauth.ReasonTransient},
		"unknown":     {leak, entraauth.ReasonTransient},
		"other cloud": {&foreignError{"https://login.microsoftonline.us"}, entraauth.ReasonWrongCloud},
		"local":       {&credential.Error{Kind: "federated_token_file", Err: io.EOF}, entraauth.ReasonCredential},
		"local fault": {&credential.Error{Kind: "managed_identity", Temporary: true, Err: io.EOF}, entraauth.ReasonTransient},
	} {
		t.Run(name, func(t *testing.T) {
			refused := classify(fmt.Errorf("wrapped: %w", tt.err), Subject{}, noon)
			assert.Equal(t, tt.reason, refused.Reason)
			assert.NotContains(t, refused.Error(), "leak")
			require.NotErrorIs(t, refused, leak, "the original is not kept")
			var kept msalerrors.CallErr
			require.NotErrorAs(t, refused, &kept)
			assert.NotEmpty(t, refused.Advice)
		})
	}
}

func TestAssertionOfAnotherTimeRefersToTheClock(t *testing.T) {
	for code, want := range map[int]bool{700024: true, 500133: true, 50013: true, 50012: true, 7000215: false} {
		answer := &answerError{status: 401, body: []byte(body("invalid_client", code))}
		refused := classify(answer, Subject{ClientID: "app"}, noon)
		assert.Equal(t, entraauth.ReasonCredential, refused.Reason, code)
		assert.Equal(t, want, strings.Contains(refused.Advice, "check the machine's clock"), refused.Advice)
		assert.Contains(t, refused.Advice, "a valid secret")
	}
}

func TestAuthorityThatIsNotTrustedIsTheProvidersToMend(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	trusting := server.Client().Transport.(*http.Transport).Clone()
	trusting.TLSClientConfig.ServerName = "elsewhere.test"
	for name, transport := range map[string]*http.Transport{"unknown authority": {}, "other host": trusting} {
		t.Run(name, func(t *testing.T) {
			defer transport.CloseIdleConnections()
			_, err := (&http.Client{Transport: transport}).Get(server.URL)
			require.Error(t, err)
			refused := classify(err, Subject{Authority: "https://login.example"}, noon)
			assert.Equal(t, entraauth.ReasonConfiguration, refused.Reason)
			assert.Contains(t, refused.Advice, "http::tls::ca_file")
			assert.Contains(t, refused.Advice, "https://login.example")
			assert.Contains(t, refused.Error(), "x509")
		})
	}
}

func FuzzClassifyAnswer(f *testing.F) {
	f.Add(400, "7", []byte(body("unauthorized_client", 700016)))
	f.Add(503, "Sun, 22 Nov 2026 12:00:30 GMT", []byte("<html>"))
	f.Add(200, "-1", []byte(`{"error_codes":[-1,"x"],"error_description":"AADSTS1\u0000"}`))
	f.Fuzz(func(t *testing.T, status int, retryAfter string, body []byte) {
		refused := ClassifyAnswer(status, retryAfter, body, noon)
		require.NotEmpty(t, refused.Reason)
		require.LessOrEqual(t, len(refused.Err.Error()), 300)
		require.NotContains(t, refused.Error(), "\n")
		if !refused.RetryAt.IsZero() {
			require.False(t, refused.RetryAt.Before(noon) || refused.RetryAt.After(noon.Add(time.Hour)))
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("17")
	f.Add("Sun, 22 Nov 2026 12:00:30 GMT")
	f.Fuzz(func(t *testing.T, value string) {
		wait, ok := RetryAfter(value, noon)
		require.True(t, wait >= 0 && wait <= time.Hour)
		require.True(t, ok || wait == 0)
	})
}
