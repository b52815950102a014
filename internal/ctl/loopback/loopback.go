// Package loopback waits on this machine for the answer that a browser brings back from Entra: the redirect URI of
// RFC 8252, section 7.3.
package loopback

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"
)

const (
	readTimeout = 10 * time.Second
	maxHeader   = 64 << 10 // a code is about 2 KiB
	// farewell is how long the last page may take to reach the browser.
	farewell = 2 * time.Second
)

// Listener is an address on this machine where a browser may come.
type Listener struct {
	socket net.Listener
	port   string
}

// Handle takes the query of a request and returns the page for the browser. done ends the waiting. ctx is that of Serve,
// not the request's: a code is redeemed once, also for a browser that leaves meanwhile.
type Handle func(ctx context.Context, query url.Values) (page Page, done bool)

// Listen takes a port, a free one if it is 0.
func Listen(ctx context.Context, port int) (*Listener, error) {
	socket, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("listening for the browser: %w", err)
	}
	_, taken, err := net.SplitHostPort(socket.Addr().String())
	return &Listener{socket, taken}, err
}

// URI is the redirect URI. Entra takes http and any port where http://localhost is registered.
func (l *Listener) URI() string { return "http://localhost:" + l.port }

// Close gives the port up without serving it.
func (l *Listener) Close() { _ = l.socket.Close() }

// Serve passes requests to handle, one at a time, until it is done or ctx ends, which is the error then.
func (l *Listener) Serve(ctx context.Context, handle Handle) error {
	ctx, cancel := context.WithCancel(ctx)
	s := newServer(ctx, handle, l.port)
	defer s.end()
	defer cancel()
	web := &http.Server{
		Handler: s, ReadHeaderTimeout: readTimeout, ReadTimeout: readTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: log.New(io.Discard, "", 0), // what strangers send is not worth a line
	}
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(l.socket) }()
	var err error
	select {
	case <-s.done:
	case <-ctx.Done():
		err = context.Cause(ctx)
	case err = <-failed:
		return fmt.Errorf("serving the browser: %w", err)
	}
	// Browsers open connections that they never use, for which Shutdown would wait.
	end, stop := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer stop()
	_ = web.Shutdown(end)
	_ = web.Close()
	if closed := <-failed; err == nil && !errors.Is(closed, http.ErrServerClosed) {
		return fmt.Errorf("serving the browser: %w", closed)
	}
	return err
}

// server answers the browser.
type server struct {
	handle func(query url.Values) (page Page, done bool)
	port   string
	done   chan struct{}

	mu   sync.Mutex
	over bool
}

func newServer(ctx context.Context, handle Handle, port string) *server {
	return &server{
		handle: func(query url.Values) (Page, bool) { return handle(ctx, query) },
		port:   port, done: make(chan struct{}),
	}
}

// end waits for a request that is being handled, and lets no other be: what handle has found is the caller's then.
func (s *server) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
}

// here tells whether the name that the browser used is this place. Browsers leave port 80 out.
func (s *server) here(host string) bool {
	u := url.URL{Host: host}
	return cmp.Or(u.Port(), "80") == s.port && (u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1")
}

// ServeHTTP answers requests for the redirect URI alone. The name that the browser used is checked, so that no page can
// make it come by a name of its own.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.here(r.Host) || r.URL.Path != "/" || r.Method != http.MethodGet {
		http.NotFound(w, r)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		Page{Title: "This is over", Text: "The command has ended. You can close this window."}.write(w)
		return
	}
	page, done := s.handle(r.URL.Query())
	page.write(w)
	if s.over = done; done {
		close(s.done)
	}
}
