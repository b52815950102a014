package e2e_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/api"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/entra"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// exchange is the audience of federated credentials of the public cloud.
const exchange = "api://AzureADTokenExchange"

// newKey is a key with a certificate of one hour.
func newKey(t *testing.T) (*rsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return key, certificate
}

func pemOf(t *testing.T, key *rsa.PrivateKey, certificate *x509.Certificate) string {
	t.Helper()
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})) +
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw}))
}

// ownApplication is what is laid into a tenant's row.
func ownApplication(clientID, credential string) string {
	return fmt.Sprintf(", application: {client_id: %s, credentials: [{%s}]}", clientID, credential)
}

func TestEveryKindOfCredentialSignsIn(t *testing.T) {
	t.Parallel()
	s := newStage(t, 5)
	const identityID = "44444444-4444-4444-8444-444444444444"
	key, certificate := newKey(t)
	s.write("app.pem", pemOf(t, key, certificate))
	pfx, err := pkcs12.Modern2023.Encode(key, certificate, nil, "pass word")
	require.NoError(t, err)
	s.write("app.pfx", string(pfx))
	cluster := entra.NewIssuer("https://cluster.example")
	s.write("token", cluster.Sign("pod", exchange, time.Hour))
	machine := &entra.Machine{Issuer: entra.NewIssuer("https://login.example/home/v2.0"), Header: "header of the machine"}
	machine.Add(identityID, "principal")
	endpoint := httptest.NewServer(machine)
	t.Cleanup(endpoint.Close)
	s.env = []string{"IDENTITY_ENDPOINT=" + endpoint.URL + "/msi/token", "IDENTITY_HEADER=" + machine.Header}

	kinds := []string{"client_secret", "certificate", "certificate", "federated", "federated"}
	for i, credential := range []string{
		"client_secret: of the customer", "certificate_file: " + filepath.Join(s.dir, "app.pem"),
		"certificate_file: " + filepath.Join(s.dir, "app.pfx") + ", certificate_password: pass word",
		"federated_token_file: " + filepath.Join(s.dir, "token"), "managed_identity: {client_id: " + identityID + "}",
	} {
		clientID := fmt.Sprintf("55555555-5555-4555-8555-%012d", i)
		s.cloud.Entra.SetApp(entra.App{
			ClientID: clientID, Secrets: []string{"of the customer"}, Certificates: []*x509.Certificate{certificate},
			Federated: []entra.Federated{cluster.Federated("pod", exchange), machine.Issuer.Federated("principal", exchange)},
		})
		s.tenants[i].more = ownApplication(clientID, credential)
	}
	s.list(s.tenants...)
	s.generate(5, time.Hour)
	c := s.start()
	s.arrived(s.tenants...)
	c.terminate()
	s.arrivedOnce()
	used := map[string]string{}
	for _, r := range s.cloud.Entra.Requests() {
		require.Equal(t, "success", r.Outcome)
		used[r.Tenant] = r.Credential
	}
	for i, tn := range s.tenants {
		assert.Equal(t, kinds[i], used[tn.id], i)
	}
}

// refused is a way in which Entra refuses a tenant, with the words by which the log tells it.
type refused struct {
	reason, code, action string
	make                 func(s *stage, tn *tenant)
}

func refusals() []refused {
	fault := func(code string) func(s *stage, tn *tenant) {
		return func(s *stage, tn *tenant) { s.cloud.Entra.SetFault(tn.id, entra.Fault{Code: code}) }
	}
	state := func(change func(*entra.Tenant)) func(s *stage, tn *tenant) {
		return func(s *stage, tn *tenant) {
			t := entra.Tenant{ID: tn.id}
			change(&t)
			s.cloud.Entra.SetTenant(t)
		}
	}
	own := func(number int, app entra.App, secret string) func(s *stage, tn *tenant) {
		return func(s *stage, tn *tenant) {
			app.ClientID = fmt.Sprintf("66666666-6666-4666-8666-%012d", number)
			s.cloud.Entra.SetApp(app)
			tn.more = ownApplication(app.ClientID, "client_secret: "+secret)
		}
	}
	return []refused{
		{"application_credential", "AADSTS7000215", "its value, not its id", own(1, entra.App{Secrets: []string{"right"}}, mistyped)},
		{"application_credential", "AADSTS7000222", "the provider must create a new secret", own(2, entra.App{ExpiredSecrets: []string{"expired"}}, "expired")},
		{"unknown_tenant", "AADSTS90002", "the provider must correct the tenant's id or cloud", func(s *stage, tn *tenant) { s.cloud.Entra.RemoveTenant(tn.id) }},
		{"not_consented", "AADSTS700016", "an administrator of the customer must consent to the application", state(func(*entra.Tenant) {})},
		{"no_role", "", "must consent anew", state(func(t *entra.Tenant) { t.Consented = true })},
		{"blocked_by_policy", "AADSTS53003", "an administrator of the customer must let the application", fault("53003")},
		{"wrong_cloud", "AADSTS900432", "the provider must set the tenant's cloud", state(func(t *entra.Tenant) { t.OtherCloud = true })},
		{"application_disabled", "AADSTS7000112", "must enable the enterprise application", state(func(t *entra.Tenant) { t.Consented, t.Disabled = true, true })},
	}
}

func TestEachRefusalOfEntraHasItsSentence(t *testing.T) {
	t.Parallel()
	ways := refusals()
	s := newStage(t, len(ways)+2)
	healthy, broken := s.tenants[:2], s.tenants[2:]
	for i := range broken {
		ways[i].make(s, &broken[i])
	}
	s.list(s.tenants...)
	s.generate(5, time.Hour)
	c := s.start(often)
	s.arrived(healthy...)
	sentences := map[string]bool{}
	for i, tn := range broken {
		for _, source := range s.sources {
			of := line{"tenant": tn.name, "azure.tenant.id": tn.id, "source": string(source)}
			s.eventually(tn.name+" is refused: "+ways[i].reason, func() bool { return len(c.logged(fails, of)) > 0 })
			lines := c.logged(fails, of)
			require.Len(t, lines, 1, "it is said once")
			assert.Equal(t, ways[i].reason, lines[0].text("reason"))
			assert.Contains(t, lines[0].text("error"), ways[i].code)
			assert.Contains(t, lines[0].text("action"), ways[i].action)
			sentences[lines[0].text("action")] = true
		}
	}
	assert.GreaterOrEqual(t, len(sentences), len(ways), "each has its own")
	before := s.requests()
	s.polled(3, healthy...)
	for _, tn := range healthy {
		s.cloud.World.Put(tn.id, world.Alert{})
	}
	s.arrived(healthy...)
	assert.Empty(t, c.logged(fails, line{"tenant": healthy[0].name}), "the others do not notice")
	for _, tn := range broken {
		assert.Equal(t, before[api.Asked{Tenant: tn.id, Source: world.GraphAlerts}], s.requests()[api.Asked{Tenant: tn.id, Source: world.GraphAlerts}], "no API is asked without a token")
	}
	c.terminate()
}

// TestConsentThatArrivesWhileItRunsTakesEffect opens the link that the log names.
func TestConsentThatArrivesWhileItRunsTakesEffect(t *testing.T) {
	t.Parallel()
	s := newStage(t, 2)
	s.generate(5, time.Hour)
	comes := s.tenants[1]
	s.cloud.Entra.SetTenant(entra.Tenant{ID: comes.id})
	c := s.start(often, `extensions: {entra_auth: {recheck_interval: 1s}}`)
	s.arrived(s.tenants[0])
	missing := func() []line { return c.logged(fails, line{"tenant": comes.name, "reason": "not_consented"}) }
	s.eventually("the failure", func() bool { return len(missing()) == 2 })
	_, link, found := strings.Cut(missing()[0].text("action"), "https://")
	require.True(t, found)
	s.open("https://" + link)
	s.arrived(comes)
	s.eventually("that it works again is said", func() bool { return len(c.logged("works again", line{"tenant": comes.name})) == 2 })
	c.terminate()
	s.arrivedOnce()
}

// open opens a page as an administrator's browser does, and requires that it sends the browser on.
func (s *stage) open(link string) {
	s.t.Helper()
	browser := s.cloud.Client()
	defer browser.CloseIdleConnections()
	browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := browser.Get(link)
	require.NoError(s.t, err)
	require.NoError(s.t, res.Body.Close())
	to, err := res.Location()
	require.NoError(s.t, err, link)
	require.Empty(s.t, to.Query().Get("error"), to)
}
