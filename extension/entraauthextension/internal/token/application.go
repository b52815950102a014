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

	failing   bool
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
		cred, err := credential.New(c, options)
		if err != nil {
			return nil, err
		}
		a.attempts = append(a.attempts, &attempt{position: i, cred: cred})
	}
	return a, nil
}

// Check reads the certificates, so that a mistake on this machine shows at once.
func (a *Application) Check() error {
	var errs []error
	for _, at := range a.attempts {
		if _, _, err := at.cred.Current(); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
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

// Subject is what an advice about this application speaks of.
func (a *Application) Subject(tenantID, scope string) Subject {
	return Subject{ClientID: a.clientID, Authority: a.authority, TenantID: tenantID, Scope: scope}
}

// Acquire asks Entra for a token, with each credential in turn until one can be had and is not rejected. Where none
// works, a fault that passes is the answer, because it is asked again soon.
func (a *Application) Acquire(ctx context.Context, tenantID, scope string) (*Token, *entraauth.Error) {
	subject := a.Subject(tenantID, scope)
	var worst *entraauth.Error
	for _, at := range a.inOrder() {
		token, refused := a.try(ctx, at, subject)
		if refused == nil {
			return token, nil
		}
		if refused.Reason != entraauth.ReasonCredential && !isLocal(refused) {
			return nil, refused
		}
		if worst == nil || (refused.Reason == entraauth.ReasonTransient && worst.Reason != entraauth.ReasonTransient) {
			worst = refused
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, worst
}

// isLocal tells that the credential could not be had on this machine, so that Entra was not asked.
func isLocal(refused *entraauth.Error) bool {
	_, local := errors.AsType[*credential.Error](refused.Err)
	return local
}

func (a *Application) try(ctx context.Context, at *attempt, s Subject) (*Token, *entraauth.Error) {
	result, err := at.acquire(ctx, a, s)
	if err != nil {
		refused := classify(err, s, a.env.Now())
		a.env.Observe(ctx, string(refused.Reason), refused.Code)
		if ctx.Err() == nil {
			a.judge(at, refused)
		}
		return nil, refused
	}
	a.judge(at, nil)
	token := newToken(result.AccessToken, result.ExpiresOn)
	if refused := a.inspect(token, s); refused != nil {
		a.env.Observe(ctx, string(refused.Reason), "")
		return nil, refused
	}
	a.env.Observe(ctx, "success", "")
	return token, nil
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
	switch {
	case refused == nil && at.failing:
		at.failing, at.lastUntil = false, time.Time{}
		a.env.Logger.Info("A credential of the application "+a.clientID+" works again", fields...)
	case refused != nil && (refused.Reason == entraauth.ReasonCredential || isLocal(refused)):
		at.lastUntil = a.env.Now().Add(time.Duration(demotion(refused)) * a.env.Recheck)
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

func (at *attempt) acquire(ctx context.Context, a *Application, s Subject) (confidential.AuthResult, error) {
	client, err := at.current(a)
	if err != nil {
		return confidential.AuthResult{}, err
	}
	return client.AcquireTokenByCredential(ctx, []string{s.Scope}, confidential.WithTenantID(s.TenantID))
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
