package entraauthextension

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/entra"
)

const (
	siem     = "https://graph.windows.net"
	otherKey = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="
)

// store is a storage extension that outlives the extension under test.
type store struct {
	component.StartFunc
	component.ShutdownFunc

	mu     sync.Mutex
	values map[string][]byte
	open   int
	read   int
	broken error
}

func (s *store) GetClient(_ context.Context, kind component.Kind, id component.ID, name string) (storage.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open++; s.open > 1 || kind != component.KindExtension || id.Type() != typ || name != "refresh_tokens" {
		return nil, errors.New("opened twice, or by somebody else")
	}
	return (*storeClient)(s), nil
}

type storeClient store

func (c *storeClient) Get(_ context.Context, key string) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read++
	return c.values[key], nil
}

func (c *storeClient) Set(_ context.Context, key string, value []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken == nil {
		c.values[key] = value
	}
	return c.broken
}

func (*storeClient) Delete(context.Context, string) error               { return nil }
func (*storeClient) Batch(context.Context, ...*storage.Operation) error { return nil }

func (c *storeClient) Close(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
	return nil
}

func (s *store) setBroken(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = err
}

func (s *store) reads() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.read
}

func (s *store) content() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all strings.Builder
	for key, value := range s.values {
		all.WriteString(key)
		all.Write(value)
	}
	return all.String()
}

// host has a storage extension.
type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

// delegation is a world whose tenants consented for users.
type delegation struct {
	*world
	store *store
}

func newDelegation(t *testing.T) *delegation {
	t.Helper()
	d := &delegation{newWorld(t, entra.Options{}), &store{values: map[string][]byte{}}}
	for _, id := range []string{contoso, fabrikam} {
		d.entra.SetTenant(entra.Tenant{
			ID: id, Consented: true, Roles: map[string][]string{graph: {alertsRole}},
			Scopes: map[string][]string{graph: {alertsRole}, siem: {"user_impersonation"}, "https://other.example": {"x"}},
		})
	}
	return d
}

// run starts an extension until end is called or the test ends.
func (d *delegation) run(text string) (end func()) {
	d.t.Helper()
	cfg := d.config(oneSecret + "storage: file_storage\nrecheck_interval: 1s\n" + text)
	ext, err := newExtension(d.settings(), cfg)
	require.NoError(d.t, err)
	require.NoError(d.t, ext.Start(d.t.Context(), host{component.MustNewID("file_storage"): d.store}))
	end = sync.OnceFunc(func() { require.NoError(d.t, ext.Shutdown(context.Background())) })
	d.t.Cleanup(end)
	d.use(ext)
	return end
}

func withKey(row string) string {
	return "storage_encryption_key: " + storageKey + "\ntenants: [{id: " + contoso + ", name: contoso, " + row + "}]"
}

// getFor asks the API with a token of a scope.
func (d *delegation) getFor(scope string, roles ...string) error {
	d.t.Helper()
	req, err := http.NewRequest(http.MethodGet, d.api.URL, nil)
	require.NoError(d.t, err)
	status, err := d.do(req.WithContext(entraauth.NewContext(d.t.Context(), &entraauth.Request{
		TenantID: contoso, Scope: scope, Origin: entraauth.Origin(req.URL), Roles: roles,
	})))
	if err == nil {
		require.Equal(d.t, http.StatusOK, status)
	}
	return err
}

func (d *delegation) last() entra.Request {
	requests := d.entra.Requests()
	return requests[len(requests)-1]
}

// signIn is the command's side of the matter.
func (d *delegation) signIn(text string) SignIn {
	set := extensiontest.NewNopSettings(typ)
	return SignIn{
		ID: set.ID, Config: d.config(oneSecret + "storage: file_storage\n" + text), Settings: set.TelemetrySettings,
		Host: host{component.MustNewID("file_storage"): d.store},
	}
}

func (d *delegation) nothingShows() {
	d.t.Helper()
	d.noSecrets(storageKey, otherKey)
	for _, token := range d.entra.Issued() {
		require.NotContains(d.t, d.store.content(), token)
	}
}

func TestUserSignsInForATenant(t *testing.T) {
	d := newDelegation(t)
	seed := d.entra.SignIn(contoso, clientID)
	end := d.run(withKey("refresh_token: " + seed))
	require.NoError(t, d.getFor(graphScope, alertsRole))
	assert.Equal(t, []string{"refresh_token", graphScope + " offline_access", "client_secret"}, []string{d.last().Grant, d.last().Scope, d.last().Credential})
	require.NoError(t, d.getFor(siem))
	assert.Equal(t, []string{"refresh_token", siem, ""}, []string{d.last().Grant, d.last().Resource, d.last().Scope})
	require.NoError(t, d.getFor(graphScope, alertsRole))
	assert.Equal(t, 2, d.entra.Count(contoso, ""), "a token is used again")
	claims, err := d.entra.Authenticate(d.seenTokens()[0])
	require.NoError(t, err)
	assert.True(t, claims.Delegated)
	info, err := d.ext.Inspect(t.Context(), contoso, graphScope)
	require.NoError(t, err)
	assert.Equal(t, []any{true, []string{alertsRole}}, []any{info.Delegated, info.Roles})

	end()
	d.entra.RevokeSignIn(seed, 70008)
	d.run(withKey("refresh_token: " + seed))
	require.NoError(t, d.getFor(graphScope), "a restart goes on with the newest")
	d.nothingShows()
}

func TestRefreshTokensAreUsedOneAfterTheOther(t *testing.T) {
	d := newDelegation(t)
	d.run(withKey("refresh_token: " + d.entra.SignIn(contoso, clientID)))
	var asking sync.WaitGroup
	for _, scope := range []string{graphScope, siem, "https://other.example/.default"} {
		for range 4 {
			asking.Go(func() { assert.NoError(t, d.getFor(scope)) })
		}
	}
	asking.Wait()
	assert.Equal(t, 3, d.entra.Count(contoso, "success"))
	assert.Equal(t, 4, d.entra.SignIns(contoso), "the seed and one for each use")
}

func TestAnswerCountsForNothingUntilItsRefreshTokenIsStored(t *testing.T) {
	d := newDelegation(t)
	seed := d.entra.SignIn(contoso, clientID)
	d.run(withKey("refresh_token: " + seed))
	d.store.setBroken(errors.New("no space left on device"))
	err := d.getFor(graphScope)
	refused := refusal(t, err, entraauth.ReasonStorage)
	assert.Contains(t, refused.Error(), "no space left on device")
	assert.Contains(t, refused.Advice, "the provider must")
	assert.Contains(t, refused.Advice, "contoso")
	assert.Empty(t, d.seenTokens(), "its token is not used")
	require.Never(t, func() bool { return d.getFor(graphScope) == nil }, 3*time.Second, 100*time.Millisecond)
	assert.Equal(t, 1, d.entra.Count(contoso, ""), "Entra is not asked for another one that could not be stored either")

	d.entra.RevokeSignIn(seed, 70008)
	d.store.setBroken(nil)
	require.Eventually(t, func() bool { return d.getFor(graphScope) == nil }, 20*time.Second, 50*time.Millisecond,
		"it went on with the one that is not lost")
	d.nothingShows()
}

func TestNewValueOfTheConfigurationCounts(t *testing.T) {
	d := newDelegation(t)
	d.run(withKey("refresh_token: " + d.entra.SignIn(contoso, clientID)))()
	end := d.run(withKey("refresh_token: " + d.entra.SignIn(contoso, clientID)))
	require.NoError(t, d.getFor(graphScope))
	end()
	d.entra.RevokeSignIns(contoso, 50173) // all that was stored
	fresh := d.entra.SignIn(contoso, clientID)
	end = d.run(withKey("refresh_token: " + fresh))
	require.NoError(t, d.getFor(graphScope))
	end()
	d.entra.RevokeSignIn(fresh, 70008)
	end = d.run(withKey("refresh_token: " + fresh))
	require.NoError(t, d.getFor(graphScope), "the stored one counts again")
	end()
	d.run(withKey("sign_in: delegated"))
	require.NoError(t, d.getFor(graphScope), "and where the configuration's is taken out")
}

func TestEndedSignInIsTheCustomersToRenew(t *testing.T) {
	for _, code := range []int{50173, 70008, 700082, 70043, 50076} {
		d := newDelegation(t)
		text := withKey("refresh_token: " + d.entra.SignIn(contoso, clientID))
		d.run(text)
		d.entra.RevokeSignIns(contoso, code)
		refused := refusal(t, d.getFor(graphScope), entraauth.ReasonSignIn)
		assert.Contains(t, refused.Advice, "a user of the customer must sign in again")
		assert.Contains(t, refused.Advice, `defenderctl sign-in --config FILE --tenant "contoso"`)
		require.Never(t, func() bool { return d.getFor(graphScope) == nil }, 2500*time.Millisecond, 100*time.Millisecond)
		assert.Equal(t, 1, d.entra.Count(contoso, ""), "Entra is not asked again for nothing")

		require.NoError(t, d.signIn(text).Store(t.Context(), "contoso", configopaque.String(d.entra.SignIn(contoso, clientID))))
		require.Eventually(t, func() bool { return d.getFor(graphScope) == nil }, 5*time.Second, 50*time.Millisecond, "within a recheck interval")
		d.nothingShows()
	}
}

func TestTenantOfWhichNobodySignedInYet(t *testing.T) {
	d := newDelegation(t)
	text := withKey("sign_in: delegated")
	d.run(text)
	refused := refusal(t, d.getFor(graphScope), entraauth.ReasonSignIn)
	assert.Contains(t, refused.Error(), "nobody has signed in yet")
	assert.Zero(t, d.entra.Count(contoso, ""))
	require.NoError(t, d.signIn(text).Store(t.Context(), strings.ToUpper(contoso), configopaque.String(d.entra.SignIn(contoso, clientID))))
	require.Eventually(t, func() bool { return d.getFor(graphScope) == nil }, 5*time.Second, 50*time.Millisecond)
}

func TestSignInIsNotOverwrittenByOneThatIsOlder(t *testing.T) {
	d := newDelegation(t)
	text := withKey("refresh_token: " + d.entra.SignIn(contoso, clientID))
	d.run(text)
	d.entra.SetFault(contoso, entra.Fault{Delay: time.Second, Times: 1})
	answered := make(chan error, 1)
	go func() { answered <- d.getFor(graphScope) }()
	require.Eventually(t, func() bool { return d.store.reads() == 1 }, 5*time.Second, time.Millisecond)
	fresh := d.entra.SignIn(contoso, clientID)
	require.NoError(t, d.signIn(text).Store(t.Context(), "contoso", configopaque.String(fresh)))
	require.NoError(t, <-answered)
	d.entra.RevokeSignIns(contoso, 50173, fresh)
	require.NoError(t, d.getFor(siem))
}

func TestKeysAreRotated(t *testing.T) {
	d := newDelegation(t)
	seed := d.entra.SignIn(contoso, clientID)
	row := "tenants: [{id: " + contoso + ", name: contoso, sign_in: delegated}]\n"
	require.NoError(t, d.signIn("storage_encryption_key: "+storageKey+"\n"+row).Store(t.Context(), "contoso", configopaque.String(seed)))

	end := d.run("storage_encryption_key: " + otherKey + "\n" + row)
	refused := refusal(t, d.getFor(graphScope), entraauth.ReasonStorage)
	assert.Contains(t, refused.Error(), "neither storage_encryption_key nor one of storage_encryption_old_keys")
	assert.Contains(t, refused.Advice, "put back the key")
	assert.Contains(t, refused.Advice, "contoso")
	end()
	end = d.run("storage_encryption_key: " + otherKey + "\nstorage_encryption_old_keys: [" + storageKey + "]\n" + row)
	require.NoError(t, d.getFor(graphScope), "read with the old one")
	end()
	d.run("storage_encryption_key: " + otherKey + "\n" + row)
	require.NoError(t, d.getFor(graphScope), "written with the new one")
	d.nothingShows()
}

func TestUnreadableEntryFallsBackToTheConfiguration(t *testing.T) {
	d := newDelegation(t)
	seed := d.entra.SignIn(contoso, clientID)
	end := d.run(withKey("refresh_token: " + seed))
	require.NoError(t, d.getFor(graphScope))
	end()
	for key := range d.store.values {
		d.store.values[key][20] ^= 1
	}
	d.run(withKey("refresh_token: " + seed))
	require.NoError(t, d.getFor(graphScope))
	require.NoError(t, d.getFor(siem))
	lines := d.logs.FilterMessage("The stored refresh token of tenant contoso cannot be used: going on with the one of the configuration").All()
	require.Len(t, lines, 1)
	assert.Contains(t, lines[0].ContextMap()["error"], "damaged")
	assert.Contains(t, lines[0].ContextMap()["advice"], "sign in again")
	d.nothingShows()
}

func TestPermissionsOfAUserAreCheckedLikeThoseOfAnApplication(t *testing.T) {
	d := newDelegation(t)
	d.run(withKey("refresh_token: " + d.entra.SignIn(contoso, clientID)))
	requireReason(t, d.getFor(graphScope, "SecurityIncident.Read.All"), entraauth.ReasonNoRole)
	requireReason(t, d.getFor("https://never.example/.default"), entraauth.ReasonNotConsented)
	d.entra.SetFault(contoso, entra.Fault{Status: 400, Error: "invalid_grant", Code: "AADSTS424242", Times: 1})
	requireReason(t, d.getFor(siem), entraauth.ReasonSignIn)
	d.entra.SetFault(contoso, entra.Fault{Code: "53003", Times: 1})
	refused := refusal(t, d.getFor("https://other.example/.default"), entraauth.ReasonBlocked)
	assert.Contains(t, refused.Advice, "let the user")
}

func TestRejectedCredentialFallsThroughForUsersToo(t *testing.T) {
	d := newDelegation(t)
	text := withKey("refresh_token: " + d.entra.SignIn(contoso, clientID))
	cfg := d.config(strings.Replace(oneSecret, "[{client_secret", "[{client_secret: expired}, {client_secret", 1) + "storage: file_storage\n" + text)
	ext, err := newExtension(d.settings(), cfg)
	require.NoError(t, err)
	require.NoError(t, ext.Start(t.Context(), host{component.MustNewID("file_storage"): d.store}))
	t.Cleanup(func() { require.NoError(t, ext.Shutdown(context.Background())) })
	d.use(ext)
	require.NoError(t, d.getFor(graphScope))
	assert.Equal(t, 1, d.entra.Count(contoso, "AADSTS7000215"))
	assert.Equal(t, 1, d.logged("A credential of the application "+clientID+" does not work"))
}

func TestStorageIsFoundAtTheStart(t *testing.T) {
	d := newDelegation(t)
	cfg := d.config(oneSecret + "storage: file_storage\n" + withKey("sign_in: delegated"))
	for want, h := range map[string]component.Host{
		"not an extension of the service": host{}, "not a storage extension": host{component.MustNewID("file_storage"): struct {
			component.StartFunc
			component.ShutdownFunc
		}{}},
	} {
		ext, err := newExtension(d.settings(), cfg)
		require.NoError(t, err)
		require.ErrorContains(t, ext.Start(t.Context(), h), want)
		require.NoError(t, ext.Shutdown(t.Context()))
		assert.Equal(t, []component.ID{component.MustNewID("file_storage")}, ext.Dependencies())
	}
}

func TestCodeOfAUserIsRedeemed(t *testing.T) {
	const verifier, redirect = "a-verifier-of-at-least-forty-three-characters", "http://localhost:4711"
	digest := sha256.Sum256([]byte(verifier))
	d := newDelegation(t)
	d.entra.SetApp(entra.App{ClientID: clientID, Secrets: []string{secret}, RedirectURIs: []string{"http://localhost"}})
	browse := func(scope string) string {
		q := url.Values{
			"client_id": {clientID}, "response_type": {"code"}, "redirect_uri": {redirect}, "scope": {scope},
			"code_challenge": {base64.RawURLEncoding.EncodeToString(digest[:])}, "code_challenge_method": {"S256"},
		}
		browser := *d.login.Client()
		browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		resp, err := browser.Get(d.login.URL + "/" + contoso + "/oauth2/v2.0/authorize?" + q.Encode())
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		to, err := resp.Location()
		require.NoError(t, err)
		return to.Query().Get("code")
	}
	text := withKey("sign_in: delegated")
	s := d.signIn(text)
	code := AuthorizationCode{RedirectURI: redirect, Scope: graphScope, Verifier: verifier}
	code.Code = configopaque.String(browse(graphScope))
	_, err := s.Redeem(t.Context(), "contoso", code)
	requireReason(t, err, entraauth.ReasonConfiguration)
	require.ErrorContains(t, err, "offline_access")

	code.Code = configopaque.String(browse(graphScope + " offline_access"))
	info, err := s.Redeem(t.Context(), "contoso", code)
	require.NoError(t, err)
	assert.Equal(t, []any{contoso, true, []string{alertsRole}}, []any{info.TenantID, info.Delegated, info.Roles})
	_, err = s.Redeem(t.Context(), "contoso", code)
	requireReason(t, err, entraauth.ReasonSignIn)

	d.run(text)
	require.NoError(t, d.getFor(graphScope))
	d.nothingShows()

	d.entra.SetTenant(entra.Tenant{ID: contoso, Consented: true, TokenTenant: fabrikam, Scopes: map[string][]string{graph: {alertsRole}}})
	before := d.store.content()
	code.Code = configopaque.String(browse(graphScope + " offline_access"))
	_, err = s.Redeem(t.Context(), "contoso", code)
	requireReason(t, err, entraauth.ReasonWrongToken)
	assert.Equal(t, before, d.store.content(), "a sign-in to another tenant is not stored")
}

func TestSignInNeedsATenantThatIsMeantToHaveOne(t *testing.T) {
	d := newDelegation(t)
	key := "storage_encryption_key: " + storageKey + "\n"
	for text, want := range map[string]string{
		key + "tenants: [{id: " + contoso + ", name: contoso}]":                                     "set sign_in to delegated",
		key + "tenants: [{id: " + contoso + ", name: contoso, sign_in: delegated, enabled: false}]": "not in the list or not enabled",
		key + "tenants: [{id: " + fabrikam + ", sign_in: delegated}]":                               "not in the list or not enabled",
		key + "tenants_file: /no/such/file":                                                         "tenants_file /no/such/file",
	} {
		require.ErrorContains(t, d.signIn(text).Store(t.Context(), "contoso", "1.A"), want)
	}
	s := d.signIn(withKey("sign_in: delegated"))
	require.Error(t, s.Store(t.Context(), "contoso", "a b"))
	s.Host = host{}
	require.ErrorContains(t, s.Store(t.Context(), "contoso", "1.A"), "not an extension of the service")
}
