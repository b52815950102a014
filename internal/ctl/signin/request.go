// Package signin sends a user to Entra and understands what the browser brings back: the authorization-code flow of
// RFC 6749 with PKCE (RFC 7636, S256).
package signin

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"go.opentelemetry.io/collector/config/configopaque"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension"
	"github.com/otelcol-defender/otelcol-defender/internal/ctl/terminal"
)

// maxText bounds what is repeated of an answer.
const maxText = 300

// Request is one attempt to sign a user in. Each has its own state and verifier.
type Request struct {
	of          entraauthextension.Registration
	scope       string
	redirectURI string
	state       string
	verifier    string
}

// New begins a sign-in for one scope, of the form https://…/.default, or for a v1.0 resource.
func New(of entraauthextension.Registration, scope, redirectURI string) Request {
	return Request{of: of, scope: scope, redirectURI: redirectURI, state: rand.Text(), verifier: rand.Text() + rand.Text()}
}

// URL is where the user signs in. Source: "Microsoft identity platform and OAuth 2.0 authorization code flow".
func (r Request) URL() string {
	challenge := sha256.Sum256([]byte(r.verifier))
	query := url.Values{
		"client_id": {r.of.ClientID}, "response_type": {"code"}, "response_mode": {"query"}, "redirect_uri": {r.redirectURI},
		"state": {r.state}, "prompt": {"select_account"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}
	path := "/oauth2/v2.0/authorize?"
	if IsV1(r.scope) {
		path = "/oauth2/authorize?"
		query.Set("resource", r.scope)
	} else {
		query.Set("scope", r.scope+" offline_access")
	}
	return strings.TrimRight(r.of.Authority, "/") + "/" + r.of.Tenant.ID + path + query.Encode()
}

// IsV1 tells a resource of Entra's v1.0 endpoint from a scope of v2.0.
func IsV1(scope string) bool { return !strings.HasSuffix(scope, "/.default") }

// ErrStranger says that an answer is not one to this request.
var ErrStranger = errors.New("the answer does not have the state of this sign-in")

// RefusedError is what Entra answers in place of a code.
type RefusedError struct{ Text string }

func (e *RefusedError) Error() string { return "Entra did not let the user in: " + e.Text }

// Code reads the answer that a browser brought. Whatever is in it, an error goes first.
func (r Request) Code(answer url.Values) (entraauthextension.AuthorizationCode, error) {
	none := entraauthextension.AuthorizationCode{}
	if subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(r.state)) != 1 {
		return none, ErrStranger
	}
	if refused := answer.Get("error"); refused != "" {
		return none, &RefusedError{terminal.Printable(fmt.Sprintf("%s (%s)", answer.Get("error_description"), refused), maxText)}
	}
	code := answer.Get("code")
	if code == "" {
		return none, &RefusedError{"the answer has neither a code nor an error"}
	}
	return entraauthextension.AuthorizationCode{
		Code: configopaque.String(code), RedirectURI: r.redirectURI, Scope: r.scope, Verifier: configopaque.String(r.verifier),
	}, nil
}
