package entraauthextension

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/internal/cloud"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/entra"
)

const third = "aaaaaaaa-0000-4000-8000-000000000003"

// planet has an authority for each national cloud, under its real name, behind a proxy.
type planet struct {
	authorities map[string]*entra.Server // by host
	server      *httptest.Server
	proxy       *httptest.Server
	caFile      string
}

func newPlanet(t *testing.T) *planet {
	t.Helper()
	p := &planet{authorities: map[string]*entra.Server{}}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	for _, name := range cloud.Names() {
		row, _ := cloud.Lookup(name)
		host := strings.TrimPrefix(row.Authority, "https://")
		if p.authorities[host] == nil {
			p.authorities[host] = entra.New(entra.Options{})
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	p.caFile = filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(p.caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))

	p.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.authorities[strings.TrimSuffix(r.Host, ":443")].ServeHTTP(w, r)
	}))
	p.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	p.server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	p.server.StartTLS()
	t.Cleanup(p.server.Close)
	p.proxy = httptest.NewServer(http.HandlerFunc(p.connect))
	t.Cleanup(p.proxy.Close)
	return p
}

// connect leads every host that is an authority to the one server, as a proxy does.
func (p *planet) connect(w http.ResponseWriter, r *http.Request) {
	host, _, _ := net.SplitHostPort(r.Host)
	if r.Method != http.MethodConnect || p.authorities[host] == nil {
		http.Error(w, "not allowed", http.StatusForbidden)
		return
	}
	there, err := net.Dial("tcp", p.server.Listener.Addr().String())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	here, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		_ = there.Close()
		return
	}
	_, _ = io.WriteString(here, "HTTP/1.1 200 Connection established\r\n\r\n")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(there, here)
		_ = there.Close()
	}()
	_, _ = io.Copy(here, there)
	_ = here.Close()
	<-ended
}

func TestEachTenantSignsInAtItsOwnCloud(t *testing.T) {
	p := newPlanet(t)
	const own = "22222222-2222-4222-8222-222222222222"
	homes := map[string]string{contoso: "login.microsoftonline.com", fabrikam: "login.microsoftonline.us", third: "login.partner.microsoftonline.cn"}
	for host, authority := range p.authorities {
		authority.SetApp(entra.App{ClientID: clientID, Secrets: []string{secret}})
		authority.SetApp(entra.App{ClientID: own, Secrets: []string{"of the customer"}})
		for id, home := range homes {
			if home == host {
				authority.SetTenant(entra.Tenant{ID: id, Consented: true})
			}
		}
	}
	w := newWorld(t, entra.Options{})
	w.setAnswer(func(http.ResponseWriter, *http.Request) {})
	rows := "tenants:\n" + rowContoso + "  - {id: " + fabrikam + ", name: fabrikam, cloud: usgov_gcc_high}\n  - {id: " + third +
		", name: third, cloud: china, application: {client_id: " + own + ", credentials: [{client_secret: of the customer}]}}\n"
	settings := "http: {proxy_url: " + p.proxy.URL + ", tls: {ca_file: " + p.caFile + "}}\n"
	w.startWith(load(t, oneSecret+settings+rows), w.settings())
	for id, home := range homes {
		status, err := w.get(id)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
		require.NoError(t, w.ask(id), "v1.0 likewise")
		for host, authority := range p.authorities {
			want := 0
			if host == home {
				want = 2
			}
			assert.Equal(t, want, authority.Count(id, ""), "%s of %s", host, id)
		}
	}
	assert.Equal(t, own, p.authorities["login.partner.microsoftonline.cn"].Requests()[0].ClientID)
}

func TestTenantOfAnotherCloudIsNamed(t *testing.T) {
	p := newPlanet(t)
	public := p.authorities["login.microsoftonline.com"]
	public.SetApp(entra.App{ClientID: clientID, Secrets: []string{secret}})
	public.SetTenant(entra.Tenant{ID: contoso, OtherCloud: true})
	w := newWorld(t, entra.Options{})
	settings := "http: {proxy_url: " + p.proxy.URL + ", tls: {ca_file: " + p.caFile + "}}\n"
	w.startWith(load(t, twoTenants+settings), w.settings())
	for _, ask := range []func() error{func() error { _, err := w.get(contoso); return err }, func() error { return w.ask(contoso) }} {
		refused := refusal(t, ask(), entraauth.ReasonWrongCloud)
		assert.Equal(t, "AADSTS900432", refused.Code)
		assert.Contains(t, refused.Advice, "the provider must set the tenant's cloud")
	}
	_, err := w.get(fabrikam)
	assert.Contains(t, refusal(t, err, entraauth.ReasonUnknownTenant).Advice, "id or cloud", "it may be in another one too")
}

// authority_host replaces the authority of every tenant, also of one with a cloud of its own.
func TestAuthorityHostOverridesEveryCloud(t *testing.T) {
	rows := oneSecret + "tenants:\n" + rowContoso + "  - {id: " + fabrikam + ", name: fabrikam, cloud: usgov_dod}\n"
	w := newWorld(t, entra.Options{}).start(rows)
	for _, id := range []string{contoso, fabrikam} {
		_, err := w.get(id)
		require.NoError(t, err)
		require.NoError(t, w.ask(id))
		assert.Equal(t, 2, w.entra.Count(id, "success"))
	}
}
