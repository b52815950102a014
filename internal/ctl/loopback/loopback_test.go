package loopback

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A code can be redeemed once only: whoever closes the window meanwhile has signed in all the same.
func TestABrowserThatLeavesDoesNotEndTheWork(t *testing.T) {
	var during error
	s := newServer(t.Context(), func(ctx context.Context, _ url.Values) (Page, bool) {
		during = ctx.Err()
		return Page{}, true
	}, "8400")
	gone, leave := context.WithCancel(t.Context())
	leave()
	s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(gone, http.MethodGet, "http://localhost:8400/", nil))
	<-s.done
	assert.NoError(t, during)
}

// The end of the command ends the work.
func TestTheWorkEndsWithTheCommand(t *testing.T) {
	listener, err := Listen(t.Context(), 0)
	require.NoError(t, err)
	ctx, interrupt := context.WithCancel(t.Context())
	ended := false
	client := &http.Client{Transport: &http.Transport{}}
	visited := make(chan struct{})
	go func() {
		defer close(visited)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, listener.URI(), nil)
		if !assert.NoError(t, err) {
			return
		}
		if resp, err := client.Do(req); err == nil {
			_ = resp.Body.Close()
		}
	}()
	err = listener.Serve(ctx, func(ctx context.Context, _ url.Values) (Page, bool) {
		interrupt()
		<-ctx.Done()
		ended = true
		return Page{}, false
	})
	require.ErrorIs(t, err, context.Canceled)
	assert.True(t, ended, "no work goes on after Serve")
	<-visited
	client.CloseIdleConnections()
}

// Browsers leave the port of http out: http://localhost:80 is http://localhost to them.
func TestTheHostIsThisPlace(t *testing.T) {
	for _, tt := range []struct {
		port, host string
		status     int
	}{
		{"80", "localhost", http.StatusOK},
		{"80", "localhost:80", http.StatusOK},
		{"80", "127.0.0.1", http.StatusOK},
		{"80", "attacker.example", http.StatusNotFound},
		{"80", "localhost:8400", http.StatusNotFound},
		{"8400", "localhost:8400", http.StatusOK},
		{"8400", "localhost", http.StatusNotFound},
		{"8400", "attacker.example:8400", http.StatusNotFound},
		{"8400", "", http.StatusNotFound},
	} {
		s := newServer(t.Context(), func(context.Context, url.Values) (Page, bool) { return Page{}, false }, tt.port)
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		req.Host = tt.host
		w := httptest.NewRecorder()
		s.ServeHTTP(w, req)
		assert.Equal(t, tt.status, w.Code, "%s at port %s", tt.host, tt.port)
	}
}
