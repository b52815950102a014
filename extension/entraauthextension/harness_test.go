package entraauthextension

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/entra"
)

const (
	contoso    = "72f988bf-86f1-41af-91ab-2d7cd011db47"
	fabrikam   = "aaaaaaaa-0000-4000-8000-000000000002"
	clientID   = "11111111-1111-1111-1111-111111111111"
	secret     = "s3cret~value+/="
	graph      = "https://graph.microsoft.com"
	graphScope = graph + "/.default"
	alertsRole = "SecurityAlert.Read.All"
)

// world is a simulated Entra, a simulated API and the extension between them.
type world struct {
	t      *testing.T
	entra  *entra.Server
	login  *httptest.Server
	api    *httptest.Server
	ext    *authExtension
	client *http.Client
	logs   *observer.ObservedLogs

	mu     sync.Mutex
	answer func(w http.ResponseWriter, r *http.Request)
	tokens []string
}

func newWorld(t *testing.T, opts entra.Options) *world {
	t.Helper()
	w := &world{t: t, entra: entra.New(opts)}
	w.entra.SetApp(entra.App{ClientID: clientID, Secrets: []string{secret}})
	for _, id := range []string{contoso, fabrikam} {
		w.entra.SetTenant(entra.Tenant{ID: id, Consented: true, Roles: map[string][]string{graph: {alertsRole}}})
	}
	w.login = httptest.NewTLSServer(w.entra)
	t.Cleanup(w.login.Close)
	w.api = httptest.NewServer(http.HandlerFunc(w.serveAPI))
	t.Cleanup(w.api.Close)
	return w
}

func (w *world) serveAPI(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	answer := w.answer
	w.tokens = append(w.tokens, r.Header.Get("Authorization"))
	w.mu.Unlock()
	if answer != nil {
		answer(rw, r)
		return
	}
	if _, err := w.entra.Authenticate(r.Header.Get("Authorization")); err != nil {
		rw.WriteHeader(http.StatusUnauthorized)
	}
}

func (w *world) setAnswer(f func(http.ResponseWriter, *http.Request)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = f
}

func (w *world) seenTokens() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.tokens...)
}

// caFile writes the simulated authority's certificate.
func (w *world) caFile() string {
	path := filepath.Join(w.t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.login.Certificate().Raw})
	require.NoError(w.t, os.WriteFile(path, block, 0o600))
	return path
}

// config returns a configuration with what every test needs; the text is added to it.
func (w *world) config(text string) *Config {
	w.t.Helper()
	return load(w.t, "authority_host: "+w.login.URL+"\nhttp: {tls: {ca_file: "+w.caFile()+"}}\n"+text)
}

const oneSecret = `
application: {client_id: 11111111-1111-1111-1111-111111111111, credentials: [{client_secret: s3cret~value+/=}]}
`

const twoTenants = oneSecret + `
tenants:
  - {id: 72f988bf-86f1-41af-91ab-2d7cd011db47, name: contoso, attributes: {customer.id: C-17, tier: 3}}
  - {id: aaaaaaaa-0000-4000-8000-000000000002, name: fabrikam}
`

func load(t *testing.T, text string) *Config {
	t.Helper()
	cfg, err := tryLoad(t, text)
	require.NoError(t, err)
	return cfg
}

func tryLoad(t *testing.T, text string) (*Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	conf, err := confmaptest.LoadConf(path)
	require.NoError(t, err)
	cfg := NewFactory().CreateDefaultConfig().(*Config)
	if err := conf.Unmarshal(cfg); err != nil {
		return cfg, err
	}
	return cfg, confmap.Validate(cfg)
}

func (w *world) settings() extension.Settings {
	core, logs := observer.New(zapcore.DebugLevel)
	w.logs = logs
	set := extensiontest.NewNopSettings(typ)
	set.Logger = zap.New(core)
	return set
}

// start runs the extension until the test ends.
func (w *world) start(text string) *world {
	w.t.Helper()
	return w.startWith(w.config(text), w.settings())
}

func (w *world) startWith(cfg *Config, set extension.Settings) *world {
	w.t.Helper()
	ext, err := newExtension(set, cfg)
	require.NoError(w.t, err)
	require.NoError(w.t, ext.Start(w.t.Context(), componenttest.NewNopHost()))
	w.t.Cleanup(func() { require.NoError(w.t, ext.Shutdown(context.Background())) })
	w.use(ext)
	return w
}

func (w *world) use(ext *authExtension) {
	transport := &http.Transport{}
	w.t.Cleanup(transport.CloseIdleConnections)
	rt, err := ext.RoundTripper(transport)
	require.NoError(w.t, err)
	w.ext, w.client = ext, &http.Client{Transport: rt}
}

// get asks the API on behalf of a tenant.
func (w *world) get(tenantID string, roles ...string) (int, error) {
	return w.getAt(w.api.URL, tenantID, roles...)
}

func (w *world) getAt(url, tenantID string, roles ...string) (int, error) {
	w.t.Helper()
	u, err := http.NewRequest(http.MethodGet, w.api.URL, nil)
	require.NoError(w.t, err)
	ctx := entraauth.NewContext(w.t.Context(), &entraauth.Request{
		TenantID: tenantID, Scope: graphScope, Origin: entraauth.Origin(u.URL), Roles: roles,
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	require.NoError(w.t, err)
	return w.do(req)
}

func (w *world) do(req *http.Request) (int, error) {
	resp, err := w.client.Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

func requireReason(t *testing.T, err error, reason entraauth.Reason) {
	t.Helper()
	_ = refusal(t, err, reason)
}

// refusal returns the extension's error, which must be for that reason.
func refusal(t *testing.T, err error, reason entraauth.Reason) *entraauth.Error {
	t.Helper()
	var refused *entraauth.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, reason, refused.Reason, refused.Error())
	return refused
}

// logged counts the log lines of a message.
func (w *world) logged(message string) int { return w.logs.FilterMessage(message).Len() }

// noSecrets fails if anything that proves an identity shows up in a log line at any level.
func (w *world) noSecrets(more ...string) {
	w.t.Helper()
	encoder := zapcore.NewJSONEncoder(zapcore.EncoderConfig{MessageKey: "m"})
	var all strings.Builder
	for _, entry := range w.logs.All() {
		line, err := encoder.EncodeEntry(entry.Entry, entry.Context)
		require.NoError(w.t, err)
		all.Write(line.Bytes())
	}
	for _, s := range append(w.entra.Issued(), append(more, secret)...) {
		require.NotContains(w.t, all.String(), s)
	}
}

// identity is a certificate with its issuer, in the forms that the extension reads.
type identity struct {
	key   *rsa.PrivateKey
	leaf  *x509.Certificate
	chain []*x509.Certificate
}

func newIdentity(t *testing.T, life time.Duration) identity {
	t.Helper()
	caKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "issuer"}, NotAfter: time.Now().Add(100 * life),
		IsCA: true, BasicConstraintsValid: true,
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "app"}, NotAfter: time.Now().Add(life)}
	return identity{
		key: key, leaf: sign(t, leaf, ca, &key.PublicKey, caKey), chain: []*x509.Certificate{sign(t, ca, ca, &caKey.PublicKey, caKey)},
	}
}

func sign(t *testing.T, cert, issuer *x509.Certificate, public *rsa.PublicKey, key *rsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, cert, issuer, public, key)
	require.NoError(t, err)
	signed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return signed
}

// pem writes the issuer first, to show that the order does not matter.
func (i identity) pem(t *testing.T, path string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(i.key)
	require.NoError(t, err)
	var out []byte
	for _, cert := range append(i.chain, i.leaf) {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})...)
	}
	out = append(out, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...)
	require.NoError(t, os.WriteFile(path, out, 0o600))
}
