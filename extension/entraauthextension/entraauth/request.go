package entraauth

import (
	"context"
	"net"
	"net/url"
	"strings"
)

// Request says for whom a request is made. The extension puts the tenant's token for the scope on it, and refuses to
// send it anywhere but Origin.
type Request struct {
	// TenantID is the Entra tenant id in lower case.
	TenantID string
	// Scope is what the token is for, such as https://graph.microsoft.com/.default.
	Scope string
	// Origin is the only scheme and host the token may be sent to, as Origin returns it.
	Origin string
	// Roles are the application permissions of which the token must hold at least one; none are checked if empty.
	Roles []string
}

type requestKey struct{}

// NewContext returns a context for requests on behalf of r. Build it once for a tenant and a source, not per request.
func NewContext(ctx context.Context, r *Request) context.Context {
	return context.WithValue(ctx, requestKey{}, r)
}

// FromContext returns the Request that NewContext put into ctx.
func FromContext(ctx context.Context) (*Request, bool) {
	r, ok := ctx.Value(requestKey{}).(*Request)
	return r, ok
}

// Origin returns the scheme, host and port of u in one comparable spelling: lower case, the default port left out.
func Origin(u *url.URL) string {
	scheme, host, port := strings.ToLower(u.Scheme), strings.ToLower(u.Hostname()), u.Port()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port == "" || (scheme == "https" && port == "443") || (scheme == "http" && port == "80") {
		return scheme + "://" + host
	}
	return scheme + "://" + host + ":" + port
}

// Private tells whether nobody on the way can read a token that is sent to u: https, or http that stays on the machine.
func Private(u *url.URL) bool {
	if u.Scheme == "https" {
		return true
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "http" && (u.Hostname() == "localhost" || (ip != nil && ip.IsLoopback()))
}
