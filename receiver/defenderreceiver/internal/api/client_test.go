package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
)

const (
	token = "eyJ0eXAiOiJKV1QifQ.eyJ0aWQiOiJjb250b3NvIn0.c2lnbmF0dXJl"
	query = "?$filter=lastUpdateTime%20ge%202026-03-01T00:00:00Z&$top=100"
)

// authenticator puts the token on a copy of the request, as the extension does.
type authenticator struct{ next http.RoundTripper }

func (a authenticator) RoundTrip(req *http.Request) (*http.Response, error) {
	own := req.Clone(req.Context())
	own.Header.Set("Authorization", "Bearer "+token)
	return a.next.RoundTrip(own)
}

// clientOf reads from a server with TLS, and leaves nothing behind.
func clientOf(t *testing.T, handler http.HandlerFunc) (*Client, string) {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	hc := server.Client()
	hc.Transport = authenticator{hc.Transport}
	return New(hc, &Client{Timeout: 10 * time.Second, MaxResponse: 1 << 20, UserAgent: "otelcol-defender/1.2.3"}), server.URL
}

// answer serves one body.
func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// hijacked serves raw bytes and closes the connection.
func hijacked(t *testing.T, raw string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack() //nolint:forcetypeassert // HTTP/1.1
		if !assert.NoError(t, err) {
			return
		}
		_, _ = io.WriteString(conn, raw)
		_ = conn.Close()
	}
}

// read collects the records of a page.
func read(ctx context.Context, c *Client, url string) (Page, []string, error) {
	var records []string
	page, err := c.Read(ctx, url+"/api/alerts"+query, nil, func(e odata.Element, _ func(func() error) error) error {
		records = append(records, string(e.Raw))
		return nil
	})
	return page, records, err
}

// failure is the *Error of a read that must fail, without what no error may hold.
func failure(t *testing.T, err error) *Error {
	t.Helper()
	var e *Error
	require.ErrorAs(t, err, &e)
	for _, secret := range []string{token, "$filter", "lastUpdateTime", "Bearer"} {
		assert.NotContains(t, err.Error(), secret)
	}
	assert.Less(t, len(err.Error()), 4*maxMessage, "an error is a line, not a page")
	assert.NotContains(t, err.Error(), "\n")
	return e
}

func TestAPageIsReadWithItsClock(t *testing.T) {
	date := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	c, url := clientOf(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, http.MethodGet, r.Method)
		assert.Equal(t, "application/json", r.Header.Get("Accept"))
		assert.Equal(t, "otelcol-defender/1.2.3", r.Header.Get("User-Agent"))
		assert.Equal(t, "include-unknown-enum-members", r.Header.Get("Prefer"))
		assert.Equal(t, "Bearer "+token, r.Header.Get("Authorization"))
		w.Header().Set("Date", date.Format(http.TimeFormat))
		_, _ = io.WriteString(w, `{"value":[{"id":"a"},{"id":"b"}]}`)
	})
	header := http.Header{"Prefer": {"include-unknown-enum-members"}}
	var records []string
	page, err := c.Read(t.Context(), url+"/x", header, func(e odata.Element, outside func(func() error) error) error {
		return outside(func() error { records = append(records, string(e.Raw)); return nil })
	})
	require.NoError(t, err)
	assert.Equal(t, []string{`{"id":"a"}`, `{"id":"b"}`}, records)
	assert.Equal(t, 2, page.Records)
	assert.Empty(t, page.NextLink)
	assert.True(t, date.Equal(page.ServerTime))
	assert.Len(t, header, 1, "the source's headers are shared by all requests")
}

func TestAServerThatTellsNoTimeHasNone(t *testing.T) {
	for _, date := range []string{"", "yesterday"} {
		c, url := clientOf(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Date"] = []string{date}
			_, _ = io.WriteString(w, `{"value":[]}`)
		})
		page, _, err := read(t.Context(), c, url)
		require.NoError(t, err)
		assert.True(t, page.ServerTime.IsZero(), "%q", date)
	}
}

func TestAnAnswerThatIsNotAPage(t *testing.T) {
	for name, body := range map[string]string{
		"html":         "<!DOCTYPE html><html><body>Sign in to the proxy</body></html>",
		"empty":        "",
		"no value":     `{"@odata.context":"x"}`,
		"an error":     `{"error":{"code":"x"}}`,
		"null":         `{"value":null}`,
		"cut cleanly":  `{"value":[{"id":"a"},{"id`,
		"two in one":   `{"value":[]}{"value":[]}`,
		"array itself": `[]`,
	} {
		t.Run(name, func(t *testing.T) {
			c, url := clientOf(t, answer(http.StatusOK, body))
			_, _, err := read(t.Context(), c, url)
			e := failure(t, err)
			assert.Equal(t, KindNotAPage, e.Kind)
			assert.Equal(t, http.StatusOK, e.Status)
		})
	}
}

func TestAnAnswerThatBreaksOffIsANetworkError(t *testing.T) {
	const part = `{"value":[{"id":"a"},`
	for name, raw := range map[string]string{
		"before its length": "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + part,
		"within a chunk":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100\r\n" + part,
		"between chunks":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n15\r\n" + part + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c, url := clientOf(t, hijacked(t, raw))
			_, records, err := read(t.Context(), c, url)
			e := failure(t, err)
			assert.Equal(t, KindNetwork, e.Kind)
			assert.Equal(t, http.StatusOK, e.Status)
			assert.Equal(t, []string{`{"id":"a"}`}, records, "what was complete is a record")
		})
	}
}

func TestARequestWithoutAnAnswer(t *testing.T) {
	for name, raw := range map[string]string{
		"closed":               "",
		"not HTTP":             "SSH-2.0-" + strings.Repeat("x", 5000) + "\r\n",
		"a header not HTTP":    "HTTP/1.1 200 OK\r\n\x1b[2J" + strings.Repeat("y", 5000) + "\r\n\r\n",
		"an impossible length": "HTTP/1.1 200 OK\r\nContent-Length: -" + strings.Repeat("9", 5000) + "\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c, url := clientOf(t, hijacked(t, raw))
			_, _, err := read(t.Context(), c, url)
			e := failure(t, err)
			assert.Equal(t, KindNetwork, e.Kind)
			assert.Zero(t, e.Status)
			assert.NotContains(t, err.Error(), "\x1b")
		})
	}
}

func TestNobodyListens(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	_, _, err := read(t.Context(), New(http.DefaultClient, &Client{Timeout: time.Minute, MaxResponse: 1}), server.URL)
	assert.Equal(t, KindNetwork, failure(t, err).Kind)
}

func TestAnErrorOfTheTokenComesBackAsItIs(t *testing.T) {
	want := &entraauth.Error{Reason: entraauth.ReasonNotConsented}
	c := New(&http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) { return nil, want })},
		&Client{Timeout: time.Minute})
	_, _, err := read(t.Context(), c, "https://api.example")
	assert.Same(t, want, err)
}

func TestAnErrorOfEmitComesBackAsItIs(t *testing.T) {
	want := errors.New("queue is full")
	for name, emit := range map[string]Emit{
		"inside": func(odata.Element, func(func() error) error) error { return want },
		"outside": func(_ odata.Element, outside func(func() error) error) error {
			return outside(func() error { return want })
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, url := clientOf(t, answer(http.StatusOK, `{"value":[`+strings.Repeat(`{"id":"a"},`, 5000)+`{}]}`))
			_, err := c.Read(t.Context(), url, nil, emit)
			assert.Equal(t, want, err)
		})
	}
}

func TestRequestsAreIndependent(t *testing.T) {
	c, url := clientOf(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"value":[`+r.URL.Query().Get("n")+`]}`)
	})
	done := make(chan error)
	for i := range 16 {
		go func() {
			want := strconv.Itoa(i)
			var got string
			_, err := c.Read(t.Context(), url+"?n="+want, nil, func(e odata.Element, _ func(func() error) error) error {
				got = string(e.Raw)
				return nil
			})
			if err == nil && got != want {
				err = errors.New("got " + got + " for " + want)
			}
			done <- err
		}()
	}
	for range 16 {
		require.NoError(t, <-done)
	}
}

func TestNothingIsLeftOfARequest(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
	}{
		"a page":     {http.StatusOK, `{"value":[]}`},
		"no page":    {http.StatusOK, `[`},
		"an error":   {http.StatusBadGateway, "x"},
		"a redirect": {http.StatusFound, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var body *slow
			client := New(&http.Client{Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
				body = &slow{ctx: req.Context(), steps: []step{{0, c.body}}}
				return &http.Response{StatusCode: c.status, Header: http.Header{}, Body: body, Request: req}, nil
			})}, &Client{Timeout: time.Minute, MaxResponse: 1 << 20})
			_, _, _ = read(t.Context(), client, "https://api.example")
			assert.True(t, body.closed)
			assert.Error(t, body.ctx.Err(), "whatever still works for the request must end")
		})
	}
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	peers, n := map[string]bool{}, 0
	c, url := clientOf(t, func(w http.ResponseWriter, r *http.Request) {
		peers[r.RemoteAddr] = true
		if n++; n%2 == 0 {
			answer(http.StatusTooManyRequests, `{"error":{}}`)(w, r)
			return
		}
		answer(http.StatusOK, `{"value":[`+strings.Repeat(`{"id":"a"},`, 10_000)+`{}]}`)(w, r)
	})
	for range 6 {
		_, _, _ = read(t.Context(), c, url)
	}
	assert.Len(t, peers, 1, "a handshake for each poll would cost more than the poll")
}
