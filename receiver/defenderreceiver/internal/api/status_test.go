package api

import (
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEveryStatusHasAKind(t *testing.T) {
	for status, want := range map[int]Kind{
		201: KindNotAPage, 204: KindNotAPage, 206: KindNotAPage,
		300: KindRedirect, 301: KindRedirect, 302: KindRedirect, 303: KindRedirect, 304: KindRedirect, 307: KindRedirect, 308: KindRedirect,
		400: KindRejected, 404: KindRejected, 407: KindRejected, 410: KindRejected, 422: KindRejected,
		401: KindUnauthorized, 403: KindForbidden, 408: KindServer, 429: KindThrottled,
		500: KindServer, 502: KindServer, 503: KindServer, 504: KindServer, 599: KindServer,
	} {
		c, url := clientOf(t, answer(status, ""))
		_, _, err := read(t.Context(), c, url)
		e := failure(t, err)
		assert.Equal(t, want, e.Kind, "HTTP %d", status)
		assert.Equal(t, status, e.Status)
		assert.NotEmpty(t, e.Advice(), "HTTP %d", status)
	}
}

func TestEveryKindSaysWhoMustAct(t *testing.T) {
	for _, kind := range []Kind{
		KindUnauthorized, KindForbidden, KindThrottled, KindRejected, KindServer, KindRedirect, KindNotAPage, KindTooLarge,
		KindTimeout, KindNetwork, KindForeignLink,
	} {
		assert.NotEmpty(t, (&Error{Kind: kind}).Advice(), kind)
	}
	assert.NotEqual(t, (&Error{Kind: KindForbidden}).Advice(), (&Error{Kind: KindForbidden, Code: "DisabledFeature"}).Advice())
}

func TestTheErrorBodyIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		body, code, message, id string
	}{
		"Defender for Endpoint": {
			`{"error":{"code":"Forbidden","message":"Missing application roles","target":"9d5b-42"}}`,
			"Forbidden", "Missing application roles", "9d5b-42",
		},
		"Microsoft Graph": {
			`{"error":{"code":"UnknownError","message":"","innerError":{"date":"2026-03-01","request-id":"7f-1","client-request-id":"x"}}}`,
			"UnknownError", "", "7f-1",
		},
		"a gateway":        {"<html><h1>502 Bad Gateway</h1></html>", "", "", "from-the-header"},
		"nothing":          {"", "", "", "from-the-header"},
		"a text as error":  {`{"error":"invalid_grant","error_description":"x"}`, "", "", "from-the-header"},
		"a number as code": {`{"error":{"code":17,"message":"seventeen"}}`, "", "seventeen", "from-the-header"},
		"control characters": {
			"{\"error\":{\"code\":\"a\\nb\",\"message\":\"red \\u001b[31m\\r\\n\\u0000\\u0085\\u2028\\u202eevil\\u007f\"}}",
			"a b", "red  [31m      evil", "from-the-header",
		},
		"a long text": {
			`{"error":{"message":"x` + strings.Repeat("é", 1000) + `"}}`,
			"", "x" + strings.Repeat("é", maxMessage/2-1) + "…", "from-the-header",
		},
		"a cut body": {`{"error":{"code":"x","message":"` + strings.Repeat("y", 2*maxErrorBody) + `"}}`, "", "", "from-the-header"},
		"the request itself": {
			`{"error":{"code":"Debug","message":"you sent Authorization: Token ` + token + `"}}`,
			"Debug", "you sent Authorization: Token [token]", "from-the-header",
		},
	} {
		t.Run(name, func(t *testing.T) {
			client, url := clientOf(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Request-Id", "from-the-header")
				answer(http.StatusForbidden, c.body)(w, nil)
			})
			_, _, err := read(t.Context(), client, url)
			e := failure(t, err)
			assert.Equal(t, c.code, e.Code)
			assert.Equal(t, c.message, e.Message)
			assert.Equal(t, c.id, e.RequestID)
		})
	}
}

func TestAnErrorBodyWithoutEndIsNotRead(t *testing.T) {
	c, url := clientOf(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, strings.Repeat("z", 4096)); err != nil {
				return
			}
		}
	})
	_, _, err := read(t.Context(), c, url)
	assert.Equal(t, KindServer, failure(t, err).Kind)
}

func TestTheErrorIsOneLineWithEverythingKnown(t *testing.T) {
	e := &Error{
		Kind: KindThrottled, Status: 429, Code: "TooManyRequests", Message: "slow down", RequestID: "r-1",
		Err: io.ErrUnexpectedEOF,
	}
	assert.Equal(t, "throttled: HTTP 429 TooManyRequests: slow down: unexpected EOF (request id r-1)", e.Error())
	require.ErrorIs(t, e, io.ErrUnexpectedEOF)
	assert.Equal(t, "network", (&Error{Kind: KindNetwork}).Error())
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	date := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }
	for value, want := range map[string]time.Duration{
		"":                              0,
		"7":                             7 * time.Second,
		" 7 ":                           7 * time.Second,
		"0.5":                           500 * time.Millisecond,
		"1e2":                           100 * time.Second,
		"0":                             0,
		"-3":                            0,
		"-Inf":                          0,
		"NaN":                           0,
		"soon":                          0,
		"7 seconds":                     0,
		"3600":                          time.Hour,
		"86400":                         time.Hour,
		"Inf":                           time.Hour,
		"1e999":                         time.Hour,
		strings.Repeat("9", 1000):       time.Hour,
		"1e-999":                        0,
		date(90 * time.Second):          90 * time.Second,
		date(-90 * time.Second):         0,
		date(1000 * time.Hour):          time.Hour,
		"Sun, 01 Mar 9999 12:00:0":      0,
		"Mon, 01 Mar 9999 12:00:00 GMT": time.Hour,
	} {
		assert.Equal(t, want, retryAfter(value, now), "%.40q", value)
	}
}

func TestTheWaitOfAnAnswer(t *testing.T) {
	past := time.Date(2020, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		status       int
		header, body string
		want         time.Duration
	}{
		"seconds":                                {429, "17", "", 17 * time.Second},
		"the header before the text":             {429, "17", "retry in 5 seconds", 17 * time.Second},
		"a date on a clock that is years behind": {429, past.Add(30 * time.Second).Format(http.TimeFormat), "", 30 * time.Second},
		"in the text":                            {429, "", "You have exceeded the quota. Retry after 42 seconds.", 42 * time.Second},
		"in the text, short":                     {429, "x", "try again in 9s", 9 * time.Second},
		"in the text, far away":                  {429, "", "wait 99999 sec", time.Hour},
		"no unit in the text":                    {429, "", "error 4711", 0},
		"a text of another error":                {400, "", "timeout after 30 seconds", 0},
		"of a server under repair":               {503, "120", "", 2 * time.Minute},
		"nothing":                                {429, "", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			client, url := clientOf(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Date", past.Format(http.TimeFormat))
				if c.header != "" {
					w.Header().Set("Retry-After", c.header)
				}
				answer(c.status, `{"error":{"code":"x","message":"`+c.body+`"}}`)(w, nil)
			})
			_, _, err := read(t.Context(), client, url)
			assert.Equal(t, c.want, failure(t, err).RetryAfter)
		})
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"", "7", "-1", "1e999", "NaN", "0x1p-2", "Sun, 01 Mar 2026 12:00:00 GMT", "retry in 99999 s"} {
		f.Add(seed, int64(1772366400))
	}
	f.Fuzz(func(t *testing.T, text string, now int64) {
		at := time.Unix(now%math.MaxInt32, 0)
		for _, wait := range []time.Duration{retryAfter(text, at), waitInText(text)} {
			require.GreaterOrEqual(t, wait, time.Duration(0))
			require.LessOrEqual(t, wait, maxRetryAfter)
		}
	})
}

func FuzzErrorBody(f *testing.F) {
	f.Add(429, "3", `{"error":{"code":"TooManyRequests","message":"wait 3 s","innerError":{"request-id":"a"}}}`)
	f.Add(500, "", "<html>")
	f.Add(301, "x", "{\"error\":{\"code\":\"\\u202e\\n\xff\"}}")
	f.Fuzz(func(t *testing.T, status int, header, body string) {
		e := statusError(&http.Response{
			StatusCode: status, Header: http.Header{"Retry-After": {header}, "Request-Id": {header}},
			Body: io.NopCloser(strings.NewReader(body)),
		})
		require.NotEmpty(t, e.Kind)
		text := e.Error()
		require.True(t, utf8.ValidString(text))
		require.Less(t, len(text), 4*maxMessage)
		for _, r := range text {
			require.False(t, unicode.IsControl(r), "%q", text)
		}
	})
}
