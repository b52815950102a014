package credential

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	"go.uber.org/zap"
)

// HTTPClient is how the endpoint of managed identities is reached.
type HTTPClient interface {
	Do(*http.Request) (*http.Response, error)
	CloseIdleConnections()
}

// Options are what credentials need of their surroundings.
type Options struct {
	// Audience is what a managed identity's token must be for: the cloud's token exchange.
	Audience string
	// Identity reaches the endpoint of managed identities, never through a proxy.
	Identity HTTPClient
	Now      func() time.Time
	Logger   *zap.Logger
}

// Credential is one credential of an application.
type Credential struct {
	// Kind is the configuration's key for it.
	Kind string

	fixed       confidential.Credential
	certificate *certificateFile
	secret      string
	assertion   func(ctx context.Context) (string, error)
	unusable    error // on this machine, whatever is tried
}

// Error says that a credential could not be had on this machine, so that Entra was not asked.
type Error struct {
	// Kind is the configuration's key of the credential.
	Kind string
	// Temporary tells that nobody needs to act if it passes.
	Temporary bool
	// Err is what happened.
	Err error
}

// Error returns what happened.
func (e *Error) Error() string { return e.Kind + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// New prepares a credential; nothing is read yet, and what is wrong with it shows when it is used.
func New(c Config, o Options) *Credential {
	cred := &Credential{Kind: c.Kind()}
	var err error
	switch {
	case c.ClientSecret != "":
		cred.secret = string(c.ClientSecret)
		cred.fixed, err = confidential.NewCredFromSecret(cred.secret)
	case c.CertificateFile != "":
		cred.certificate = &certificateFile{
			path: c.CertificateFile, password: string(c.CertificatePassword), now: o.Now, logger: o.Logger,
		}
	case c.FederatedTokenFile != "":
		cred.assertion = func(context.Context) (string, error) { return readToken(c.FederatedTokenFile) }
	case c.ManagedIdentity != nil:
		cred.assertion, err = managedIdentity(c.ManagedIdentity.ClientID, o)
	}
	if err != nil {
		cred.unusable = &Error{Kind: cred.Kind, Err: err}
	} else if cred.assertion != nil {
		cred.fixed = confidential.NewCredFromAssertionCallback(
			func(ctx context.Context, _ confidential.AssertionRequestOptions) (string, error) {
				return cred.assertion(ctx)
			})
	}
	return cred
}

// Current returns the credential for Microsoft's library, and a number that changes when it is another one, as after
// the rotation of a certificate. The error is an *Error.
func (c *Credential) Current() (confidential.Credential, int, error) {
	if c.certificate == nil {
		return c.fixed, 0, c.unusable
	}
	current, err := c.certificate.current()
	if err != nil {
		return confidential.Credential{}, 0, &Error{Kind: c.Kind, Err: err}
	}
	return current.cred, current.generation, nil
}

// assertionType is that of RFC 7523.
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// Prove returns the fields by which a form proves to a token endpoint that it is from the application. The error is an
// *Error.
func (c *Credential) Prove(ctx context.Context, clientID, endpoint string) (url.Values, error) {
	switch {
	case c.unusable != nil:
		return nil, c.unusable
	case c.secret != "":
		return url.Values{"client_secret": {c.secret}}, nil
	}
	assertion, err := c.assert(ctx, clientID, endpoint)
	if err != nil {
		return nil, err
	}
	return url.Values{"client_assertion_type": {assertionType}, "client_assertion": {assertion}}, nil
}

func (c *Credential) assert(ctx context.Context, clientID, endpoint string) (string, error) {
	if c.certificate == nil {
		return c.assertion(ctx)
	}
	current, err := c.certificate.current()
	if err != nil {
		return "", &Error{Kind: c.Kind, Err: err}
	}
	signed, err := current.sign(clientID, endpoint, c.certificate.now())
	if err != nil {
		return "", &Error{Kind: c.Kind, Err: err}
	}
	return signed, nil
}

// NotAfter returns when the certificate ends, and false for other kinds and before it was read.
func (c *Credential) NotAfter() (time.Time, bool) {
	if c.certificate == nil {
		return time.Time{}, false
	}
	return c.certificate.end()
}
