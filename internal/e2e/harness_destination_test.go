package e2e_test

import (
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// place is laid over a configuration of testdata/configs: where the cloud and the files are, and nothing else that a
// destination could see.
const place = `
extensions:
  entra_auth:
    authority_host: ${env:E2E_CLOUD}
    application: {client_id: "${env:E2E_CLIENT_ID}"}
    http: {tls: {ca_file: "${env:E2E_DIR}/ca.pem"}}
  file_storage: {directory: "${env:E2E_DIR}/storage"}
receivers:
  defender:
    poll_interval: 2s
    tls: {ca_file: "${env:E2E_DIR}/ca.pem"}
service:
  telemetry:
    logs: {encoding: json, disable_zap_resource: true}
    metrics: {level: none}
`

// newDestinationStage raises a cloud with the tenants that the configurations of testdata/configs name. The sources
// are all that the configuration has: those of a test must not ask Microsoft.
func newDestinationStage(t *testing.T, sources ...world.Source) *stage {
	t.Helper()
	s := newStage(t, 0)
	s.sources = sources
	for i, name := range []string{"contoso", "fabrikam"} {
		tn := tenant{id: newTenant(i).id, name: name}
		s.tenants = append(s.tenants, tn)
		s.cloud.AddTenant(tn.id, tn.name)
	}
	s.env = append(s.env, "DEFENDER_CLIENT_SECRET="+cloudsim.ClientSecret)
	return s
}

// startConfiguration runs a collector with a file of testdata/configs as it is, moved to this place.
func (s *stage) startConfiguration(name string, over ...string) *collector {
	s.t.Helper()
	args := []string{"--config", filepath.Join("..", "..", "testdata", "configs", name), "--config", "yaml:" + place}
	var rows string
	for _, source := range s.sources {
		rows += string(source) + `: {endpoint: "${env:E2E_CLOUD}` + endpointOf(source) + `"}, `
	}
	for _, text := range append([]string{`receivers: {defender: {sources: {` + rows + `}}}`}, over...) {
		args = append(args, "--config", "yaml:"+text)
	}
	return s.startWith(args)
}

// front stands before a destination: it can be down, and answer in the destination's place.
type front struct {
	t       *testing.T
	address string
	target  http.Handler

	mu     sync.Mutex
	server *httptest.Server
	answer func(http.ResponseWriter, *http.Request) bool // true if it answered
}

func newFront(t *testing.T, target http.Handler) *front {
	t.Helper()
	f := &front{t: t, target: target}
	f.up()
	t.Cleanup(f.down)
	return f
}

func proxyTo(address string) http.Handler {
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: address})
	proxy.ErrorLog = log.New(io.Discard, "", 0) // of senders that were killed
	return proxy
}

func (f *front) url() string { return "http://" + f.address }

// up listens, on the address of before where there was one.
func (f *front) up() {
	f.t.Helper()
	address := f.address
	if address == "" {
		address = "127.0.0.1:0"
	}
	var listener net.Listener
	require.Eventually(f.t, func() bool {
		var err error
		listener, err = net.Listen("tcp", address)
		return err == nil
	}, patience, rhythm)
	server := httptest.NewUnstartedServer(f)
	require.NoError(f.t, server.Listener.Close())
	server.Listener = listener
	server.Start()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.server, f.address = server, listener.Addr().String()
}

// down ends every connection and takes no more.
func (f *front) down() {
	f.mu.Lock()
	server := f.server
	f.server = nil
	f.mu.Unlock()
	if server != nil {
		server.CloseClientConnections()
		server.Close()
	}
}

// instead answers in the destination's place from now on, where answer returns true; nil ends it.
func (f *front) instead(answer func(http.ResponseWriter, *http.Request) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = answer
}

// refusing answers every request with a status.
func refusing(status int, header ...string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		return true
	}
}

// ServeHTTP answers or passes on.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	answer := f.answer
	f.mu.Unlock()
	if answer != nil && answer(w, r) {
		return
	}
	f.target.ServeHTTP(w, r)
}

// incompressible is a text that stays as long as it is.
func incompressible(n int) string {
	random := rand.New(rand.NewPCG(1, 2))
	text := make([]byte, n)
	for i := range text {
		text[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[random.IntN(64)]
	}
	return string(text)
}
