package entra

import (
	"cmp"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options sets up a Server.
type Options struct {
	// Now is the clock of the tokens; time.Now if nil.
	Now func() time.Time
	// Lifetime of a token, an hour if zero.
	Lifetime time.Duration
	// RefreshLifetime is how long a refresh token works, 90 days if zero.
	RefreshLifetime time.Duration
	// Opaque issues tokens that cannot be read, as Entra may.
	Opaque bool
}

// Tenant is one directory.
type Tenant struct {
	// ID is the tenant's GUID.
	ID string
	// Consented tells whether the application has a service principal here; without it AADSTS700016.
	Consented bool
	// Disabled tells whether the service principal is switched off: AADSTS7000112.
	Disabled bool
	// Roles are the granted application permissions by resource, such as https://graph.microsoft.com. A resource that
	// is not in it gets a token without roles, as at Entra.
	Roles map[string][]string
	// Scopes are the delegated permissions that were consented to, by resource. A resource that is not in it is AADSTS65001
	// for a user.
	Scopes map[string][]string
	// Absent are resources that have no service principal here: AADSTS500011.
	Absent []string
	// OtherCloud tells that the tenant lives in another national cloud: AADSTS900432.
	OtherCloud bool
	// TokenTenant is written as the tid of tokens instead of ID, to play a token of another tenant.
	TokenTenant string
	// Lifetime overrides the server's.
	Lifetime time.Duration
}

// App is one application registration, known in every tenant that consented.
type App struct {
	ClientID     string
	Secrets      []string
	Certificates []*x509.Certificate
	Federated    []Federated
	// ExpiredSecrets were right once: AADSTS7000222.
	ExpiredSecrets []string
	// RedirectURIs are where a browser may be sent; the port of a http://localhost is any, as at Entra.
	RedirectURIs []string
	// Roles and Scopes are the permissions that are registered, by resource: what a consent grants.
	Roles, Scopes map[string][]string
}

// Federated is a federated credential: a JWT fits that has this issuer, subject and audience and is signed with this key.
type Federated struct {
	Issuer, Subject, Audience string
	Key                       *rsa.PublicKey
}

// Claims are what an issued token says.
type Claims struct {
	TenantID, Audience, AppID string
	// Roles are the permissions: those of the application or, where a user is Delegated, the user's, which the token has
	// as scp.
	Roles     []string
	Delegated bool
	Expires   time.Time
}

// Request is one answered token request. Metadata requests are not in the list.
type Request struct {
	Time                    time.Time
	Tenant, ClientID, Scope string
	// Resource is what the v1.0 endpoint was asked for; that one knows no scope.
	Resource                  string
	Grant                     string // grant_type
	Credential                string // client_secret, certificate, federated, or empty
	Outcome                   string // success, the AADSTS code, or fault
	ClientRequestID, TokenTID string
}

// Server is the authority.
type Server struct {
	opts Options

	mu       sync.Mutex
	tenants  map[string]Tenant
	apps     map[string]App
	users    map[string]User
	faults   map[string]Fault
	tokens   map[string]Claims
	codes    map[string]*code
	refresh  map[string]*refreshToken
	jtis     map[string]bool
	seen     []string
	requests []Request
	metadata int
	serial   int
}

// New returns an authority that knows no tenant and no application.
func New(opts Options) *Server {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	opts.Lifetime = cmp.Or(opts.Lifetime, time.Hour)
	opts.RefreshLifetime = cmp.Or(opts.RefreshLifetime, 90*24*time.Hour)
	return &Server{
		opts: opts, tenants: map[string]Tenant{}, apps: map[string]App{}, users: map[string]User{}, faults: map[string]Fault{},
		tokens: map[string]Claims{}, codes: map[string]*code{}, refresh: map[string]*refreshToken{}, jtis: map[string]bool{},
	}
}

// SetApp adds or replaces an application.
func (s *Server) SetApp(a App) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apps[strings.ToLower(a.ClientID)] = a
}

// SetTenant adds or replaces a tenant.
func (s *Server) SetTenant(t Tenant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.Roles, t.Scopes = maps.Clone(t.Roles), maps.Clone(t.Scopes)
	s.tenants[strings.ToLower(t.ID)] = t
}

// RemoveTenant makes a tenant unknown: AADSTS90002.
func (s *Server) RemoveTenant(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tenants, strings.ToLower(id))
}

// SetFault scripts the answers for a tenant; the zero Fault ends it.
func (s *Server) SetFault(tenantID string, f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f == (Fault{}) {
		delete(s.faults, strings.ToLower(tenantID))
		return
	}
	s.faults[strings.ToLower(tenantID)] = f
}

// ErrUnauthenticated says that a token was not issued here, was revoked or has ended.
var ErrUnauthenticated = errors.New("token not valid")

// Authenticate returns the claims of the token in an Authorization header, if it was issued here and is still valid.
func (s *Server) Authenticate(authorizationHeader string) (Claims, error) {
	token, ok := strings.CutPrefix(authorizationHeader, "Bearer ")
	s.mu.Lock()
	defer s.mu.Unlock()
	claims, known := s.tokens[token]
	if !ok || !known || !s.opts.Now().Before(claims.Expires) {
		return Claims{}, ErrUnauthenticated
	}
	return claims, nil
}

// Revoke ends every token of a tenant at once.
func (s *Server) Revoke(tenantID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.tokens, func(_ string, c Claims) bool { return strings.EqualFold(c.TenantID, tenantID) })
}

// Requests lists every token request answered so far.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Count returns how many token requests of a tenant ended so: success, an AADSTS code, fault, or, if empty, any.
func (s *Server) Count(tenantID, outcome string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, r := range s.requests {
		if strings.EqualFold(r.Tenant, tenantID) && (outcome == "" || r.Outcome == outcome) {
			n++
		}
	}
	return n
}

// MetadataRequests returns how many times OpenID metadata was asked for.
func (s *Server) MetadataRequests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.metadata
}

// Issued returns every token and code ever issued and every secret and assertion seen: none may show up in a log.
func (s *Server) Issued() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen)
}

// ServeHTTP answers the endpoints of every tenant.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	tenant, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch rest {
	case "v2.0/.well-known/openid-configuration":
		s.serveMetadata(w, r, tenant)
	case "oauth2/v2.0/token":
		s.serveToken(w, r, tenant, v2)
	case "oauth2/token":
		s.serveToken(w, r, tenant, v1)
	case "oauth2/v2.0/authorize":
		s.serveAuthorize(w, r, tenant, v2)
	case "oauth2/authorize":
		s.serveAuthorize(w, r, tenant, v1)
	case "v2.0/adminconsent":
		s.serveConsent(w, r, tenant, v2)
	case "adminconsent":
		s.serveConsent(w, r, tenant, v1)
	default:
		http.NotFound(w, r)
	}
}

// version of the endpoints: v1.0 names a resource, v2.0 scopes.
type version int

const (
	v1 version = iota + 1
	v2
)
