package entraauthextension

import (
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/entra"
)

// tenantsWith configures both tenants with the credentials given as YAML rows.
func tenantsWith(credentials ...string) string {
	return strings.Replace(twoTenants, "[{client_secret: "+secret+"}]", "["+strings.Join(credentials, ", ")+"]", 1)
}

func (w *world) requireServed(tenantID, credential string) {
	w.t.Helper()
	status, err := w.get(tenantID, alertsRole)
	require.NoError(w.t, err)
	require.Equal(w.t, http.StatusOK, status)
	requests := w.entra.Requests()
	require.Equal(w.t, credential, requests[len(requests)-1].Credential)
}

func TestCertificates(t *testing.T) {
	id := newIdentity(t, 365*24*time.Hour)
	pfx, err := pkcs12.Modern2023.Encode(id.key, id.leaf, id.chain, "pass word")
	require.NoError(t, err)
	dir := t.TempDir()
	id.pem(t, filepath.Join(dir, "app.pem"))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "app.pfx"), pfx, 0o600))
	for name, row := range map[string]string{
		"PEM with chain": "{certificate_file: " + filepath.Join(dir, "app.pem") + "}",
		"PFX":            "{certificate_file: " + filepath.Join(dir, "app.pfx") + ", certificate_password: pass word}",
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, entra.Options{})
			w.entra.SetApp(entra.App{ClientID: clientID, Certificates: []*x509.Certificate{id.leaf}})
			w.start(tenantsWith(row))
			w.requireServed(contoso, "certificate")
			w.requireServed(fabrikam, "certificate")
			w.noSecrets("pass word")
		})
	}
}

func TestCertificateIsFollowed(t *testing.T) {
	old, next := newIdentity(t, 24*time.Hour), newIdentity(t, 365*24*time.Hour)
	path := filepath.Join(t.TempDir(), "app.pem")
	old.pem(t, path)
	w := newWorld(t, entra.Options{})
	w.entra.SetApp(entra.App{ClientID: clientID, Certificates: []*x509.Certificate{old.leaf}})
	w.start(tenantsWith("{certificate_file: " + path + "}"))
	const soon = "A certificate ends soon: register a new one with the application and replace the file"
	require.Equal(t, 1, w.logged(soon))
	w.requireServed(contoso, "certificate")

	require.NoError(t, os.WriteFile(path, []byte("half"), 0o600))
	w.requireServed(contoso, "certificate")
	w.requireServed(fabrikam, "certificate")
	require.Equal(t, 1, w.logged("Keeping the last good certificate"))

	next.pem(t, path)
	w.entra.SetApp(entra.App{ClientID: clientID, Certificates: []*x509.Certificate{next.leaf}})
	w.entra.Revoke(contoso)
	status, err := w.get(contoso)
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, status)
	w.requireServed(contoso, "certificate")
	assert.Equal(t, 1, w.logged(soon))
}

func TestCertificateExpiryIsMeasured(t *testing.T) {
	tel := componenttest.NewTelemetry()
	w := newWorld(t, entra.Options{})
	early, late := newIdentity(t, time.Hour), newIdentity(t, 365*24*time.Hour)
	dir := t.TempDir()
	early.pem(t, filepath.Join(dir, "early.pem"))
	late.pem(t, filepath.Join(dir, "late.pem"))
	set := w.settings()
	set.TelemetrySettings = tel.NewTelemetrySettings()
	w.startWith(w.config(tenantsWith("{certificate_file: "+dir+"/late.pem}", "{certificate_file: "+dir+"/early.pem}")), set)
	_, err := w.get(contoso)
	requireReason(t, err, entraauth.ReasonCredential)

	expiry, err := tel.GetMetric("otelcol_extension_entra_auth_credential_expiry")
	require.NoError(t, err)
	assert.InDelta(t, 3600, expiry.Data.(metricdata.Gauge[float64]).DataPoints[0].Value, 60)
	requests, err := tel.GetMetric("otelcol_extension_entra_auth_token_requests")
	require.NoError(t, err)
	point := requests.Data.(metricdata.Sum[int64]).DataPoints[0]
	outcome, _ := point.Attributes.Value("outcome")
	code, _ := point.Attributes.Value("error_code")
	assert.Equal(t, []any{int64(2), "application_credential", "AADSTS700027"}, []any{point.Value, outcome.AsString(), code.AsString()})
	require.NoError(t, w.ext.Shutdown(t.Context()))
	require.NoError(t, tel.Shutdown(t.Context()))
}

func TestBadCertificateFailsTheStart(t *testing.T) {
	w := newWorld(t, entra.Options{})
	id, dir := newIdentity(t, time.Hour), t.TempDir()
	pfx, err := pkcs12.Modern2023.Encode(id.key, id.leaf, id.chain, "right")
	require.NoError(t, err)
	for name, tt := range map[string]struct {
		content []byte
		want    string
	}{
		"missing.pem": {nil, "no such file"},
		"empty.pem":   {[]byte{}, "neither PEM nor a PFX"},
		"text.pem":    {[]byte("-----BEGIN nothing"), "no certificate"},
		"wrong.pfx":   {pfx, "certificate_password"},
		"large.pem":   {make([]byte, 2<<20), "larger than"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, name)
			if tt.content != nil {
				require.NoError(t, os.WriteFile(path, tt.content, 0o600))
			}
			ext, err := newExtension(w.settings(), w.config(tenantsWith("{certificate_file: "+path+", certificate_password: wrong}")))
			require.NoError(t, err)
			err = ext.Start(t.Context(), componenttest.NewNopHost())
			require.ErrorContains(t, err, tt.want)
			require.ErrorContains(t, err, path)
			require.NotContains(t, err.Error(), "wrong ")
			require.NoError(t, ext.Shutdown(t.Context()))
		})
	}
}

func TestOwnCredentialOfATenantNeverFailsTheStart(t *testing.T) {
	t.Setenv("MSI_ENDPOINT", "http://127.0.0.1:1/") // of a Cloud Shell, which has no user-assigned identities
	for credentials, want := range map[string]string{
		"{certificate_file: /no/such.pem}":                  "/no/such.pem",
		"{managed_identity: {client_id: " + clientID + "}}": "managed_identity",
	} {
		own := ", application: {client_id: " + clientID + ", credentials: [" + credentials + "]}}\n"
		w := newWorld(t, entra.Options{}).start(oneSecret + "tenants:\n" + rowContoso + "  - {id: " + fabrikam + ", name: fabrikam" + own +
			"  - {id: aaaaaaaa-0000-4000-8000-000000000003, name: third" + own)
		lines := w.logs.FilterMessage("A credential cannot be read on this machine").All()
		require.Len(t, lines, 1, "one line for the application")
		fields := lines[0].ContextMap()
		assert.Equal(t, []any{"fabrikam", fabrikam, int64(1)}, []any{fields["tenant"], fields["azure.tenant.id"], fields["position"]})
		assert.Contains(t, fields["error"], want)
		w.requireServed(contoso, "client_secret")
		_, err := w.get(fabrikam)
		assert.Contains(t, refusal(t, err, entraauth.ReasonCredential).Error(), want)
	}
}

func TestOneReadableCredentialIsEnoughToStart(t *testing.T) {
	w := newWorld(t, entra.Options{})
	w.start(tenantsWith("{certificate_file: /no/such.pem}", "{client_secret: "+secret+"}"))
	w.requireServed(contoso, "client_secret")
	lines := w.logs.FilterMessage("A credential cannot be read on this machine").All()
	require.Len(t, lines, 1)
	assert.EqualValues(t, 1, lines[0].ContextMap()["position"])
	w.noSecrets()
}

func TestFederatedTokenFileIsReadForEachRequest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	w := newWorld(t, entra.Options{})
	cluster, next := entra.NewIssuer("https://cluster.example"), entra.NewIssuer("https://next.example")
	const audience = "api://AzureADTokenExchange"
	w.entra.SetApp(entra.App{ClientID: clientID, Federated: []entra.Federated{cluster.Federated("pod", audience)}})
	w.start(tenantsWith("{federated_token_file: "+path+"}") + "recheck_interval: 1s")
	_, err := w.get(contoso)
	refused := refusal(t, err, entraauth.ReasonCredential)
	assert.Contains(t, refused.Error(), path, "it was not there at the start, which is no reason not to start")
	assert.Zero(t, w.entra.Count(contoso, ""))

	require.NoError(t, os.WriteFile(path, []byte(cluster.Sign("pod", audience, time.Hour)+"\n"), 0o600))
	require.Eventually(t, func() bool { _, err := w.get(contoso); return err == nil }, 5*time.Second, 20*time.Millisecond)
	w.entra.SetApp(entra.App{ClientID: clientID, Federated: []entra.Federated{next.Federated("pod", audience)}})
	require.NoError(t, os.WriteFile(path, []byte(next.Sign("pod", audience, time.Hour)+"\n"), 0o600))
	w.requireServed(fabrikam, "federated")
	w.noSecrets()
}

// onMachine lets the extension find an identity of the machine, which the simulated Entra's application trusts.
func (w *world) onMachine(identityID, audience string) *entra.Machine {
	w.t.Helper()
	machine := &entra.Machine{Issuer: entra.NewIssuer("https://login.example/home/v2.0"), Header: "header of the machine"}
	machine.Add(identityID, "principal")
	w.entra.SetApp(entra.App{ClientID: clientID, Federated: []entra.Federated{machine.Issuer.Federated("principal", audience)}})
	endpoint := httptest.NewServer(machine)
	w.t.Cleanup(endpoint.Close)
	w.t.Setenv("IDENTITY_ENDPOINT", endpoint.URL+"/msi/token")
	w.t.Setenv("IDENTITY_HEADER", machine.Header)
	return machine
}

func TestManagedIdentity(t *testing.T) {
	w := newWorld(t, entra.Options{})
	const identityID, audience = "33333333-3333-3333-3333-333333333333", "api://AzureADTokenExchangeUSGov"
	machine := w.onMachine(identityID, audience)
	machine.Fail(http.StatusBadRequest)
	w.start(tenantsWith("{managed_identity: {client_id: "+identityID+"}}") + "cloud: usgov_dod\nrecheck_interval: 1s")

	_, err := w.get(contoso)
	assert.Contains(t, refusal(t, err, entraauth.ReasonCredential).Error(), "status 400")
	machine.Fail(http.StatusServiceUnavailable)
	_, err = w.get(fabrikam)
	requireReason(t, err, entraauth.ReasonTransient)
	machine.Fail(0)
	require.Eventually(t, func() bool { _, err := w.get(contoso); return err == nil }, 5*time.Second, 20*time.Millisecond)
	assert.Equal(t, "federated", w.entra.Requests()[0].Credential)
	assert.Equal(t, audience+" "+identityID, machine.Asked()[0])
	w.noSecrets(append(machine.Issued(), machine.Header)...)
}

func TestRejectedCredentialFallsThroughToTheNext(t *testing.T) {
	w := newWorld(t, entra.Options{})
	w.start(tenantsWith("{client_secret: expired}", "{federated_token_file: /no/such/token}", "{client_secret: "+secret+"}"))
	w.requireServed(contoso, "client_secret")
	require.Equal(t, 1, w.entra.Count(contoso, "AADSTS7000215"))
	require.Equal(t, 1, w.entra.Count(contoso, "success"))
	w.requireServed(fabrikam, "client_secret")
	require.Zero(t, w.entra.Count(fabrikam, "AADSTS7000215"), "a rejected one is tried last")

	lines := w.logs.FilterMessage("A credential of the application " + clientID + " does not work").All()
	require.Len(t, lines, 2)
	assert.EqualValues(t, 1, lines[0].ContextMap()["position"])
	assert.Equal(t, "client_secret", lines[0].ContextMap()["kind"])
	assert.Equal(t, "AADSTS7000215", lines[0].ContextMap()["error_code"])
	assert.Equal(t, "federated_token_file", lines[1].ContextMap()["kind"])
	w.noSecrets()

	w.entra.SetApp(entra.App{ClientID: clientID, Secrets: []string{"expired"}})
	w.entra.Revoke(contoso)
	_, err := w.get(contoso)
	require.NoError(t, err)
	w.requireServed(contoso, "client_secret")
	assert.Equal(t, 1, w.logged("A credential of the application "+clientID+" works again"))
}

// failing reads the gauge of failing credentials as application, position, kind and code.
func failing(t *testing.T, tel *componenttest.Telemetry) (all []string) {
	t.Helper()
	got, err := tel.GetMetric("otelcol_extension_entra_auth_credential_failing")
	if err != nil {
		return nil // no point, no metric
	}
	for _, point := range got.Data.(metricdata.Gauge[int64]).DataPoints {
		assert.EqualValues(t, 1, point.Value)
		text := ""
		for _, key := range []attribute.Key{"application", "position", "kind", "error_code"} {
			value, _ := point.Attributes.Value(key)
			text += value.String() + " "
		}
		all = append(all, strings.TrimSpace(text))
	}
	return all
}

func TestFailingCredentialsAreMeasured(t *testing.T) {
	tel := componenttest.NewTelemetry()
	w := newWorld(t, entra.Options{})
	set := w.settings()
	set.TelemetrySettings = tel.NewTelemetrySettings()
	w.startWith(w.config(tenantsWith("{client_secret: expired}", "{federated_token_file: /no/such/token}", "{client_secret: "+secret+"}")), set)
	assert.Empty(t, failing(t, tel))
	w.requireServed(contoso, "client_secret")
	assert.ElementsMatch(t, []string{clientID + " 1 client_secret AADSTS7000215", clientID + " 2 federated_token_file"}, failing(t, tel))

	w.entra.SetApp(entra.App{ClientID: clientID, Secrets: []string{"expired"}})
	w.requireServed(fabrikam, "client_secret")
	assert.ElementsMatch(t, []string{clientID + " 2 federated_token_file", clientID + " 3 client_secret AADSTS7000215"}, failing(t, tel),
		"it works again, and another one does not")
	require.NoError(t, w.ext.Shutdown(t.Context()))
	require.NoError(t, tel.Shutdown(t.Context()))
}

// A rejected credential is tried last for 15 recheck intervals, and then at its place again.
func TestRejectedCredentialIsTriedAgainLater(t *testing.T) {
	w := newWorld(t, entra.Options{})
	cfg := w.config(tenantsWith("{client_secret: first}", "{client_secret: "+secret+"}"))
	ext, err := newExtension(w.settings(), cfg)
	require.NoError(t, err)
	var later atomic.Int64
	ext.now = func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	require.NoError(t, ext.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { require.NoError(t, ext.Shutdown(t.Context())) })
	w.use(ext)
	w.requireServed(contoso, "client_secret")
	w.entra.SetApp(entra.App{ClientID: clientID, Secrets: []string{"first", secret}})
	w.requireServed(fabrikam, "client_secret")
	assert.Zero(t, w.logged("A credential of the application "+clientID+" works again"))
	later.Store(int64(56 * time.Minute)) // the tokens are renewed
	w.requireServed(contoso, "client_secret")
	require.Eventually(t, func() bool { return w.logged("A credential of the application "+clientID+" works again") == 1 }, 5*time.Second, 10*time.Millisecond)
}

func TestIdentityThatTheMachineCannotHaveIsNoReasonNotToStart(t *testing.T) {
	t.Setenv("MSI_ENDPOINT", "http://127.0.0.1:1/") // of a Cloud Shell, which has no user-assigned identities
	w := newWorld(t, entra.Options{}).start(tenantsWith("{managed_identity: {client_id: "+clientID+"}}", "{client_secret: "+secret+"}"))
	w.requireServed(contoso, "client_secret")
	lines := w.logs.FilterMessage("A credential cannot be read on this machine").All()
	require.Len(t, lines, 1)
	assert.EqualValues(t, 1, lines[0].ContextMap()["position"])
	assert.Contains(t, lines[0].ContextMap()["error"], "managed_identity")

	alone, err := newExtension(w.settings(), w.config(tenantsWith("{managed_identity: {client_id: "+clientID+"}}")))
	require.NoError(t, err)
	require.ErrorContains(t, alone.Start(t.Context(), componenttest.NewNopHost()), "managed_identity", "it has no other")
	require.NoError(t, alone.Shutdown(t.Context()))
}

func TestEndOfAPFXIsThatOfItsLeaf(t *testing.T) {
	id, path := newIdentity(t, 20*24*time.Hour), filepath.Join(t.TempDir(), "app.pfx")
	pfx, err := pkcs12.Modern2023.Encode(id.key, id.leaf, id.chain, "pass word")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, pfx, 0o600))
	w := newWorld(t, entra.Options{}).start(tenantsWith("{certificate_file: "+path+", certificate_password: pass word}", "{client_secret: "+secret+"}"))
	end, ok := w.ext.roster.Load().notAfter()
	require.True(t, ok)
	assert.WithinDuration(t, id.leaf.NotAfter, end, time.Second)
	assert.Equal(t, 1, w.logged("A certificate ends soon: register a new one with the application and replace the file"))
}
