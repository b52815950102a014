package e2e_test

import (
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// peer is a TLS server that can go down and come back at the same address.
type peer struct {
	t       *testing.T
	handler http.Handler
	address string
	server  *httptest.Server // nil while it is down
}

func newPeer(t *testing.T, handler http.Handler) *peer {
	t.Helper()
	p := &peer{t: t, handler: handler, address: "127.0.0.1:0"}
	p.up()
	t.Cleanup(p.down)
	return p
}

func (p *peer) up() {
	p.t.Helper()
	listener, err := net.Listen("tcp", p.address)
	require.NoError(p.t, err)
	p.address = listener.Addr().String()
	p.server = &httptest.Server{Listener: listener, Config: &http.Server{Handler: p.handler}}
	p.server.StartTLS()
}

// down breaks every connection off, and nobody listens any more.
func (p *peer) down() {
	if p.server != nil {
		p.server.CloseClientConnections()
		p.server.Close()
		p.server = nil
	}
}

func (p *peer) url() string { return "https://" + p.address }

// caFile writes the certificate that clients have to trust, and returns its path.
func (p *peer) caFile(dir string) string {
	p.t.Helper()
	path := filepath.Join(dir, "peer.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.server.Certificate().Raw})
	require.NoError(p.t, os.WriteFile(path, text, 0o600))
	return path
}
