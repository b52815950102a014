package cloudsim

import (
	"bufio"
	"crypto/tls"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/otelcol-defender/otelcol-defender/internal/cloud"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/api"
)

// Proxy is an HTTP proxy behind which the simulation answers under the names of Microsoft's hosts in every cloud.
type Proxy struct {
	cloud  *Cloud
	front  *listener // takes CONNECT
	behind *http.Server
	tunnel *tunnels

	mu      sync.Mutex
	visits  []Visit
	refused []string
}

// Visit is a request that came through the proxy.
type Visit struct {
	// Host is the name that was asked for.
	Host, Path string
	// Tenant and Audience are those of the token, empty without one.
	Tenant, Audience string
}

// StartProxy opens a proxy on a free port of 127.0.0.1.
func (c *Cloud) StartProxy() (*Proxy, error) {
	p := &Proxy{cloud: c, tunnel: &tunnels{connections: make(chan net.Conn), closed: make(chan struct{})}}
	p.front = newListener(http.HandlerFunc(p.connect), nil)
	p.behind = &http.Server{Handler: p.front.counted(http.HandlerFunc(p.serve)), ReadHeaderTimeout: time.Minute, ErrorLog: silent()}
	p.behind.TLSConfig = &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return c.authority.certificateFor(hello.ServerName), nil
		},
	}
	if err := p.front.start(); err != nil {
		return nil, err
	}
	p.front.running.Go(func() { _ = p.behind.ServeTLS(p.tunnel, "", "") }) // returns after Close
	return p, nil
}

// URL is the proxy_url.
func (p *Proxy) URL() string { return p.front.url }

// Close ends every connection and returns when no request is left.
func (p *Proxy) Close() error {
	_ = p.behind.Close() // closes the tunnels
	return p.front.close()
}

// Visits lists the requests so far.
func (p *Proxy) Visits() []Visit {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.visits)
}

// Refused lists hosts that were asked for and are none of Microsoft's.
func (p *Proxy) Refused() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.refused)
}

// connect opens a tunnel to one of Microsoft's hosts.
func (p *Proxy) connect(w http.ResponseWriter, r *http.Request) {
	host := r.URL.Hostname()
	if r.Method != http.MethodConnect || r.URL.Port() != "443" || p.handler(host, "") == nil {
		p.mu.Lock()
		p.refused = append(p.refused, r.Host)
		p.mu.Unlock()
		http.Error(w, "no such host", http.StatusBadGateway)
		return
	}
	connection, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // the client has left
	}
	_ = connection.SetDeadline(time.Time{})
	if _, err := connection.Write([]byte("HTTP/1.1 200 Connection established\r\n\r\n")); err != nil {
		_ = connection.Close()
		return
	}
	p.tunnel.open(&tunnelled{connection, buffered.Reader})
}

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
	claims, _ := p.cloud.Entra.Authenticate(r.Header.Get("Authorization")) // sign-in has no token
	p.mu.Lock()
	p.visits = append(p.visits, Visit{r.Host, r.URL.Path, claims.TenantID, claims.Audience})
	p.mu.Unlock()
	handler := p.handler(r.Host, r.URL.Path)
	if handler == nil {
		http.NotFound(w, r)
		return
	}
	handler.ServeHTTP(w, r)
}

// handler is what answers under a host; any of them for the empty path.
func (p *Proxy) handler(host, path string) http.Handler {
	for _, name := range cloud.Names() {
		row, _ := cloud.Lookup(name)
		if "https://"+host == row.Authority {
			return p.cloud.Entra
		}
		for _, of := range []struct {
			api  api.API
			at   cloud.API
			path string
		}{
			{api.Endpoint, row.Endpoint, "/api/alerts"},
			{api.XDR, row.XDR, "/api/incidents"},
			{api.Graph, row.Graph, "/v1.0/"},
			{api.SIEM, row.SIEM, "/api/alerts"},
		} {
			if answersAt(of.at, host) && (path == "" || strings.HasPrefix(path, of.path)) {
				return p.cloud.API.Handler(of.api)
			}
		}
	}
	return nil
}

// answersAt tells whether an API has the host, also as one of its regions.
func answersAt(of cloud.API, host string) bool {
	before, after, regional := strings.Cut(of.Regional, "%s")
	region := strings.TrimSuffix(strings.TrimPrefix("https://"+host, before), after)
	return of.Offered() && ("https://"+host == of.Host ||
		regional && before+region+after == "https://"+host && region != "" && !strings.Contains(region, "."))
}

// tunnels is a listener whose connections come through the proxy.
type tunnels struct {
	connections chan net.Conn
	once        sync.Once
	closed      chan struct{}
}

func (t *tunnels) open(c net.Conn) {
	select {
	case t.connections <- c:
	case <-t.closed:
		_ = c.Close()
	}
}

// Accept implements net.Listener.
func (t *tunnels) Accept() (net.Conn, error) {
	select {
	case c := <-t.connections:
		return c, nil
	case <-t.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (t *tunnels) Close() error {
	t.once.Do(func() { close(t.closed) })
	return nil
}

// Addr implements net.Listener.
func (t *tunnels) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// tunnelled is a connection of which the proxy may have read a part already.
type tunnelled struct {
	net.Conn
	buffered *bufio.Reader
}

func (c *tunnelled) Read(b []byte) (int, error) { return c.buffered.Read(b) }
