package cloudsim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// listener serves a handler and knows when the last request has ended.
type listener struct {
	server *http.Server
	tls    bool
	url    string

	// running counts requests and the accept loop.
	running sync.WaitGroup
	mu      sync.Mutex
	closing bool
}

func newListener(handler http.Handler, ca *authority) *listener {
	l := &listener{tls: ca != nil}
	l.server = &http.Server{
		Handler:           l.counted(handler),
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          silent(),
	}
	if l.tls {
		l.server.TLSConfig = ca.serverConfig()
	}
	return l
}

// silent is for servers whose refused handshakes are what tests are about.
func silent() *log.Logger { return log.New(io.Discard, "", 0) }

// counted serves requests until close, and counts them.
func (l *listener) counted(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !l.enter() {
			panic(http.ErrAbortHandler)
		}
		defer l.running.Done()
		handler.ServeHTTP(w, r)
	})
}

func (l *listener) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closing {
		l.running.Add(1)
	}
	return !l.closing
}

func (l *listener) start() error {
	socket, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0") // waits for nothing
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	scheme, serve := "http", l.server.Serve
	if l.tls {
		scheme = "https"
		serve = func(socket net.Listener) error { return l.server.ServeTLS(socket, "", "") }
	}
	l.url = scheme + "://" + socket.Addr().String()
	l.running.Go(func() { _ = serve(socket) }) // returns ErrServerClosed after close
	return nil
}

func (l *listener) close() error {
	l.mu.Lock()
	l.closing = true
	l.mu.Unlock()
	err := l.server.Close()
	l.running.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
