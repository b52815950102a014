package token

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/cache"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	"go.uber.org/zap"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/internal/credential"
)

// For how many recheck intervals a credential is tried last: one that Entra rejected, and one that could not be had for
// now, which costs time to find out.
const (
	rejectedFor = 15
	absentFor   = 1
)

// Environment is what all applications share.
type Environment struct {
	// HTTP reaches the authorities; it must not follow redirects.
	HTTP *http.Client
	// Identity reaches the machine's endpoint of managed identities.
	Identity credential.HTTPClient
	// Recheck is the interval after which a refusal may be asked again.
	Recheck time.Duration
	Now     func() time.Time
	Logger  *zap.Logger
	// Observe is called for each answer, with success or the reason, and the AADSTS code.
	Observe func(ctx context.Context, outcome, code string)
}

// Application asks one authority for tokens as one app registration.
type Application struct {
	env       Environment
	clientID  string
	authority string
	http      *authorityClient
	attempts  []*attempt

	mu sync.Mutex // of what the attempts remember
}

// attempt is one credential with what is known of it.
type attempt struct {
	position int
	cred     *credential.Credential

	mu         sync.Mutex
	client     confidential.Client
	generation int
	made       bool

	worked    bool // when it was last tried
	failing   bool
	code      string // the AADSTS code of the failure
	lastUntil time.Time
}

// NewApplication prepares an application; nothing is read or asked. The authority is a scheme and host.
func NewApplication(app *credential.Application, authority, audience string, env Environment) (*Application, error) {
	u, err := url.Parse(authority)
	if err != nil {
		return nil, err
	}
	a := &Application{
		env: env, clientID: app.ClientID, authority: authority,
		http: &authorityClient{http: env.HTTP, origin: entraauth.Origin(u)},
	}
	options := credential.Options{Audience: audience, Identity: env.Identity, Now: env.Now, Logger: env.Logger}
	for i, c := range app.Credentials {
		a.attempts = append(a.attempts, &attempt{position: i, cred: credential.New(c, options)})
	}
	return a, nil
}

// Check reads the certificates, so that a mistake on this machine shows at once, and tells for each credential, by its
// position, why it cannot be used. That counts as told: the log does not have it again.
func (a *Application) Check() []error {
	problems := make([]error, len(a.attempts))
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, at := range a.attempts {
		if _, _, problems[i] = at.cred.Current(); problems[i] != nil {
			at.failing = true
		}
	}
	return problems
}

// NotAfter returns when the certificate that ends first ends, and false without one.
func (a *Application) NotAfter() (first time.Time, ok bool) {
	for _, at := range a.attempts {
		if end, has := at.cred.NotAfter(); has && (!ok || end.Before(first)) {
			first, ok = end, true
		}
	}
	return first, ok
}

// ClientID is the id of the registration.
func (a *Application) ClientID() string { return a.clientID }

// Authority is the scheme and host that is asked.
func (a *Application) Authority() string { return a.authority }

// Failing is a credential that did not work when it was last tried.
type Failing struct {
	ClientID string
	// Position counts from one, in the order of the configuration.
	Position int
	Kind     string
	// Code is the AADSTS code, empty where the credential could not be had on this machine.
	Code string
}

// Failing lists the credentials that did not work when they were last tried.
func (a *Application) Failing() (failing []Failing) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, at := range a.attempts {
		if at.failing {
			failing = append(failing, Failing{a.clientID, at.position + 1, at.cred.Kind, at.code})
		}
	}
	return failing
}

// Subject is what an advice about this application speaks of.
func (a *Application) Subject(tenantID, scope string) Subject {
	return Subject{ClientID: a.clientID, Authority: a.authority, TenantID: tenantID, Scope: scope}
}

// Acquire asks Entra for a token of the application itself.
func (a *Application) Acquire(ctx context.Context, tenantID, scope string) (*Token, *entraauth.Error) {
	given, refused := a.ask(ctx, a.Subject(tenantID, scope), nil)
	return given.token, refused
}

// granted is what an answer of Entra gives.
type granted struct {
	token *Token
	// refresh is the new refresh token, empty where there is none.
	refresh string
}

// ask asks Entra by a grant, nil for that of the application itself, with each credential in turn until one can be had and
// is not rejected. Where none works, a fault that passes is the answer, because it is asked again soon.
func (a *Application) ask(ctx context.Context, s Subject, grant url.Values) (granted, *entraauth.Error) {
	var worst *entraauth.Error
	for _, at := range a.inOrder() {
		given, refused := a.try(ctx, at, s, grant)
		if refused == nil {
			return given, nil
		}
		if refused.Reason != entraauth.ReasonCredential && !isLocal(refused) {
			return granted{}, refused
		}
		if worst == nil || (refused.Reason == entraauth.ReasonTransient && worst.Reason != entraauth.ReasonTransient) {
			worst = refused
		}
		if ctx.Err() != nil {
			break
		}
	}
	return granted{}, worst
}

// isLocal tells that the credential could not be had on this machine, so that Entra was not asked.
func isLocal(refused *entraauth.Error) bool {
	_, local := errors.AsType[*credential.Error](refused.Err)
	return local
}

func (a *Application) try(ctx context.Context, at *attempt, s Subject, grant url.Values) (granted, *entraauth.Error) {
	given, err := at.acquire(ctx, a, s, grant)
	if err != nil {
		refused := classify(err, s, a.env.Now())
		a.env.Observe(ctx, string(refused.Reason), refused.Code)
		if ctx.Err() == nil {
			a.judge(at, refused)
		}
		return granted{}, refused
	}
	a.judge(at, nil)
	if refused := a.inspect(given.token, s); refused != nil {
		a.env.Observe(ctx, string(refused.Reason), "")
		return granted{}, refused
	}
	a.env.Observe(ctx, "success", "")
	return given, nil
}

// inspect refuses a token that is not of the tenant: using it would mix customers.
func (a *Application) inspect(t *Token, s Subject) *entraauth.Error {
	if !t.readable || t.claims.tenant == s.TenantID {
		return nil
	}
	return &entraauth.Error{
		Reason: entraauth.ReasonWrongToken, Advice: Advice(entraauth.ReasonWrongToken, s),
		Err: errors.New("the token is not of this tenant"),
	}
}

// inOrder lists the credentials as configured, those that failed lately last.
func (a *Application) inOrder() []*attempt {
	if len(a.attempts) == 1 {
		return a.attempts
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.env.Now()
	order := slices.Clone(a.attempts)
	slices.SortStableFunc(order, func(x, y *attempt) int { return x.rank(now) - y.rank(now) })
	return order
}

func (at *attempt) rank(now time.Time) int {
	if now.Before(at.lastUntil) {
		return 1
	}
	return 0
}

// judge remembers what an answer says of the credential, and logs a change. Errors that are not about it say nothing.
func (a *Application) judge(at *attempt, refused *entraauth.Error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	fields := []zap.Field{
		zap.String("application", a.clientID), zap.Int("position", at.position+1), zap.String("kind", at.cred.Kind),
	}
	at.worked = refused == nil || (at.worked && refused.Reason != entraauth.ReasonCredential && !isLocal(refused))
	switch {
	case refused == nil && at.failing:
		at.failing, at.code, at.lastUntil = false, "", time.Time{}
		a.env.Logger.Info("A credential of the application "+a.clientID+" works again", fields...)
	case refused != nil && (refused.Reason == entraauth.ReasonCredential || isLocal(refused)):
		at.lastUntil = a.env.Now().Add(time.Duration(demotion(refused)) * a.env.Recheck)
		at.code = refused.Code
		if !at.failing {
			at.failing = true
			a.env.Logger.Warn("A credential of the application "+a.clientID+" does not work", append(fields,
				zap.String("error_code", refused.Code), zap.NamedError("cause", refused.Err))...)
		}
	}
}

// demotion is for how many recheck intervals a credential is tried last. A file that is missing or broken shows at once,
// and so does its return: it keeps its place.
func demotion(refused *entraauth.Error) int {
	switch {
	case !isLocal(refused):
		return rejectedFor
	case refused.Reason == entraauth.ReasonTransient:
		return absentFor
	default:
		return 0
	}
}

// acquire asks for the application itself on v2.0 through Microsoft's library. What that cannot ask, a v1.0 resource and a
// user's refresh token, is a form of our own.
func (at *attempt) acquire(ctx context.Context, a *Application, s Subject, grant url.Values) (granted, error) {
	if grant != nil || !s.isV2() {
		return at.post(ctx, a, s, grant)
	}
	client, err := at.current(a)
	if err != nil {
		return granted{}, err
	}
	result, err := client.AcquireTokenByCredential(ctx, []string{s.Scope}, confidential.WithTenantID(s.TenantID))
	if err != nil {
		return granted{}, err
	}
	return granted{token: newToken(result.AccessToken, result.ExpiresOn)}, nil
}

// current returns the library's client, a new one when the credential is another one.
func (at *attempt) current(a *Application) (confidential.Client, error) {
	cred, generation, err := at.cred.Current()
	if err != nil {
		return confidential.Client{}, err
	}
	at.mu.Lock()
	defer at.mu.Unlock()
	if at.made && at.generation == generation {
		return at.client, nil
	}
	client, err := confidential.New(strings.TrimRight(a.authority, "/")+"/organizations", a.clientID, cred,
		confidential.WithHTTPClient(a.http), confidential.WithInstanceDiscovery(false), confidential.WithX5C(),
		confidential.WithAzureRegion("DisableMsalForceRegion"), confidential.WithCache(forgetful{}))
	if err != nil {
		return confidential.Client{}, &credential.Error{Kind: at.cred.Kind, Err: err}
	}
	at.client, at.generation, at.made = client, generation, true
	return client, nil
}

// forgetful keeps the library's own cache empty: it is slow, and would answer with the token that an API just refused.
type forgetful struct{}

// Replace empties the cache before it is looked at.
func (forgetful) Replace(_ context.Context, c cache.Unmarshaler, _ cache.ReplaceHints) error {
	return c.Unmarshal([]byte("{}"))
}

// Export keeps nothing.
func (forgetful) Export(context.Context, cache.Marshaler, cache.ExportHints) error { return nil }
