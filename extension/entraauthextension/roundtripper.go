package entraauthextension

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/internal/token"
)

// maxDrain is how much of an answer that is not used is read, so that its connection can be used again.
const maxDrain = 64 << 10

// RoundTripper implements extensionauth.HTTPClient.
func (e *authExtension) RoundTripper(base http.RoundTripper) (http.RoundTripper, error) {
	return &roundTripper{ext: e, base: base}, nil
}

// roundTripper puts a token on each request of one HTTP client.
type roundTripper struct {
	ext  *authExtension
	base http.RoundTripper
}

// RoundTrip sends the request with a token, to the place the token is for and nowhere else.
func (rt *roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	if r, ok := entraauth.FromContext(req.Context()); ok {
		return rt.forTenant(req, r)
	}
	return rt.forDefault(req)
}

// forTenant serves a request that names its tenant. A refusal of the API is the caller's to repeat, within its quota.
func (rt *roundTripper) forTenant(req *http.Request, r *entraauth.Request) (*http.Response, error) {
	if entraauth.Origin(req.URL) != r.Origin || !entraauth.Private(req.URL) {
		return nil, abandon(req, foreignOrigin(req.URL))
	}
	t, ok := rt.ext.roster.Load().find(r.TenantID)
	if !ok {
		return nil, abandon(req, unknownTenant("tenant "+r.TenantID+" is not in the list or not enabled"))
	}
	tok, err := t.tokens.Get(req.Context(), r.Scope, r.Roles)
	if err != nil {
		return nil, abandon(req, err)
	}
	return rt.send(req, t, r.Scope, tok)
}

// send sends a copy of the request, and draws the conclusions of the answer for the token.
func (rt *roundTripper) send(req *http.Request, t *tenant, scope string, tok *token.Token) (*http.Response, error) {
	authorized := req.Clone(req.Context())
	if authorized.Header == nil {
		authorized.Header = http.Header{}
	}
	authorized.Header.Set("Authorization", tok.Header)
	resp, err := rt.base.RoundTrip(authorized)
	switch answered(resp, err) {
	case http.StatusUnauthorized:
		t.tokens.Drop(scope, tok)
	case http.StatusForbidden:
		t.tokens.Shorten(scope, tok)
	}
	return resp, err
}

// answered is the status of an answer, also where a middleware of the client, which is nearer to the server than this, has
// made an error of it as the extension retry_on_status does; 0 without an answer.
func answered(resp *http.Response, err error) int {
	var refusal interface{ HTTPStatus() int }
	switch {
	case err == nil:
		return resp.StatusCode
	case errors.As(err, &refusal):
		return refusal.HTTPStatus()
	}
	return 0
}

var errNoDefault = errors.New("the request names no tenant, and default_tenant and default_scope are not set")

// forDefault serves clients of other components, which know nothing of tenants, and repeats for them what a token that
// ended early spoiled.
func (rt *roundTripper) forDefault(req *http.Request) (*http.Response, error) {
	scope := rt.ext.cfg.DefaultScope
	switch {
	case scope == "":
		return nil, abandon(req, &entraauth.Error{
			Reason: entraauth.ReasonConfiguration, Err: errNoDefault,
			Advice: "the provider must set default_tenant and default_scope of the extension",
		})
	case !entraauth.Private(req.URL) || entraauth.Origin(first(req).URL) != entraauth.Origin(req.URL):
		return nil, abandon(req, foreignOrigin(req.URL))
	}
	t, ok := rt.ext.roster.Load().findNamed(rt.ext.cfg.DefaultTenant)
	if !ok {
		return nil, abandon(req, unknownTenant("default_tenant is not in the list or not enabled"))
	}
	tok, err := t.tokens.Get(req.Context(), scope, nil)
	if err != nil {
		return nil, abandon(req, err)
	}
	resp, err := rt.send(req, t, scope, tok)
	if err == nil && resp.StatusCode == http.StatusUnauthorized {
		resp, err = rt.repeat(req, resp, t, tok)
	}
	if err != nil {
		return resp, err
	}
	return blameless(req, resp)
}

// blameless turns an answer that blames the token, the address or the server into an error. An exporter takes each of
// these statuses for the last word about its records and drops them, while it keeps them and tries again after an error.
// What is about the records comes as it is, and so do the statuses that exporters themselves take for a reason to wait.
func blameless(req *http.Request, resp *http.Response) (*http.Response, error) {
	var advice string
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		advice = "the provider must give the application its role there; one given just now takes effect within half an hour"
	case http.StatusNotFound:
		advice = "the provider must check the address"
	case http.StatusRequestTimeout, http.StatusInternalServerError:
		advice = "nobody must act if it passes"
	default:
		return resp, nil
	}
	discard(resp)
	return nil, fmt.Errorf("%s answered %s: %s", entraauth.Origin(req.URL), resp.Status, advice)
}

// discard gives up an answer.
func discard(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, maxDrain)
	_ = resp.Body.Close()
}

// repeat sends a refused request once more with a fresh token, where there is one and the body can be had again.
func (rt *roundTripper) repeat(req *http.Request, refused *http.Response, t *tenant, old *token.Token) (*http.Response, error) {
	scope := rt.ext.cfg.DefaultScope
	fresh, err := t.tokens.Get(req.Context(), scope, nil)
	if err != nil || fresh == old {
		return refused, nil //nolint:nilerr // the API's own answer says more
	}
	again := req.Clone(req.Context())
	if req.Body != nil && req.Body != http.NoBody {
		if req.GetBody == nil {
			return refused, nil
		}
		if again.Body, err = req.GetBody(); err != nil {
			return refused, nil //nolint:nilerr // as above
		}
	}
	discard(refused)
	return rt.send(again, t, scope, fresh)
}

// first walks back along redirects to the request that the component made.
func first(req *http.Request) *http.Request {
	for req.Response != nil && req.Response.Request != nil {
		req = req.Response.Request
	}
	return req
}

// abandon closes the body, as a round tripper must where it fails.
func abandon(req *http.Request, err error) error {
	if req.Body != nil {
		_ = req.Body.Close()
	}
	return err
}

func foreignOrigin(u *url.URL) error {
	return &entraauth.Error{
		Reason: entraauth.ReasonOrigin, Err: errors.New("no token for " + entraauth.Origin(u)),
		Advice: "the provider must find out why the API refers to another place; nothing was sent there",
	}
}

func unknownTenant(text string) error {
	return &entraauth.Error{
		Reason: entraauth.ReasonUnknownTenant, Err: errors.New(text),
		Advice: "the provider must list and enable the tenant in the extension",
	}
}
