package entra

import (
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// User is who sits at the browser when a page of a tenant is opened. The zero value agrees to everything at once.
type User struct {
	// Declines refuses to sign in or to consent.
	Declines bool
	// Refused is the AADSTS code by which Entra does not let the user in, such as 53003 or 50105; zero if it does.
	Refused int
	// Home is the user's tenant, for the pages of `organizations` and `common`.
	Home string
}

// SetUser says who opens the pages of a tenant, or of `organizations` and `common`.
func (s *Server) SetUser(tenant string, u User) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[strings.ToLower(tenant)] = u
}

// visit is a page that a browser opened.
type visit struct {
	user     User
	tenant   Tenant
	app      App
	redirect *url.URL
	query    url.Values
}

// open finds who visits what, and shows an error to the user where it cannot even be said to the application.
func (s *Server) open(w http.ResponseWriter, r *http.Request, path string) (visit, bool) {
	v := visit{query: r.URL.Query()}
	s.mu.Lock()
	v.user = s.users[strings.ToLower(path)]
	if path == "organizations" || path == "common" {
		path = v.user.Home
	}
	var known, registered bool
	v.tenant, known = s.tenants[strings.ToLower(path)]
	v.app, registered = s.apps[strings.ToLower(v.query.Get("client_id"))]
	s.mu.Unlock()
	switch {
	case !known:
		s.show(w, tenantNotFound(path, "invalid_request"))
	case !registered:
		s.show(w, notInDirectory(v.query.Get("client_id"), path))
	default:
		var ok bool
		if v.redirect, ok = v.app.redirect(v.query.Get("redirect_uri")); ok {
			return v, true
		}
		s.show(w, refusal{
			http.StatusBadRequest, "invalid_request", 50011,
			fmt.Sprintf("The redirect URI '%s' specified in the request does not match the redirect URIs configured for the application.", v.query.Get("redirect_uri")),
		})
	}
	return visit{}, false
}

// redirect is where the browser goes: a registered address, the first of them where none is named.
func (a App) redirect(named string) (*url.URL, bool) {
	if named == "" && len(a.RedirectURIs) > 0 {
		named = a.RedirectURIs[0]
	}
	u, err := url.Parse(named)
	if err != nil || u.Host == "" {
		return nil, false
	}
	return u, slices.ContainsFunc(a.RedirectURIs, func(registered string) bool {
		r, err := url.Parse(registered)
		anyPort := err == nil && r.Scheme == "http" && r.Hostname() == "localhost"
		return registered == named || (anyPort && u.Scheme == r.Scheme && u.Hostname() == r.Hostname() && path(u) == path(r))
	})
}

func path(u *url.URL) string { return "/" + strings.Trim(u.Path, "/") }

// serveAuthorize signs the user in and sends the browser back with a code.
func (s *Server) serveAuthorize(w http.ResponseWriter, r *http.Request, tenant string, v version) {
	visit, ok := s.open(w, r, tenant)
	if !ok {
		return
	}
	q := visit.query
	resource, refused := "", (*refusal)(nil)
	if v == v2 || q.Get("resource") != "" { // v1.0 may name the resource when the code is redeemed
		resource, refused = requested(q, v)
	}
	switch {
	case q.Get("response_type") != "code":
		visit.back(w, r, "error", "unsupported_response_type", "error_description", "AADSTS700054: response_type is not enabled for the application.")
	case refused != nil:
		visit.back(w, r, "error", refused.oauth, "error_description", refused.description())
	case visit.user.Declines:
		visit.back(w, r, "error", "access_denied", "error_subcode", "cancel", "error_description", "AADSTS65004: User declined to consent to access the app.")
	case visit.user.Refused != 0:
		s.show(w, sentence(visit.user.Refused))
	default:
		s.consent(visit, false)
		visit.back(w, r, "code", s.newCode(visit, resource), "session_state", s.guid())
	}
}

func (s *Server) newCode(v visit, resource string) string {
	text := s.secret("1.B")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, text)
	s.codes[text] = &code{
		tenant: v.tenant.ID, client: v.app.ClientID, redirectURI: v.query.Get("redirect_uri"),
		resource: resource, offline: slices.Contains(strings.Fields(v.query.Get("scope")), "offline_access"),
		challenge: v.query.Get("code_challenge"), plain: v.query.Get("code_challenge_method") != "S256",
		expires: s.opts.Now().Add(codeLifetime),
	}
	return text
}

// serveConsent lets an administrator grant what the application has registered.
func (s *Server) serveConsent(w http.ResponseWriter, r *http.Request, tenant string, v version) {
	if v == v2 && tenant == "common" {
		s.show(w, refusal{http.StatusBadRequest, "invalid_request", 90013, "Invalid input received from the user."})
		return
	}
	visit, ok := s.open(w, r, tenant)
	switch {
	case !ok:
	case v == v2 && visit.query.Get("scope") == "":
		s.show(w, refusal{http.StatusBadRequest, "invalid_request", 900144, "The request body must contain the following parameter: 'scope'."})
	case visit.user.Refused != 0:
		s.show(w, sentence(visit.user.Refused))
	case visit.user.Declines && v == v1:
		visit.back(w, r, "error", "permission_denied", "error_description", "The admin canceled the request", "admin_consent", "True")
	case visit.user.Declines:
		visit.back(w, r, "error", "consent_required", "error_description", "AADSTS65004: User declined to consent to access the app.", "admin_consent", "True")
	default:
		s.consent(visit, true)
		answer := []string{"admin_consent", "True", "tenant", visit.tenant.ID}
		if v == v2 {
			answer = append(answer, "scope", visit.query.Get("scope"))
		}
		visit.back(w, r, answer...)
	}
}

// consent grants the application what it has registered: its delegated permissions, and for an administrator those of the
// application as well.
func (s *Server) consent(v visit, administrator bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := strings.ToLower(v.tenant.ID)
	t, known := s.tenants[key]
	if !known {
		return
	}
	t.Consented = true
	t.Scopes = merged(t.Scopes, v.app.Scopes)
	if administrator {
		t.Roles = merged(t.Roles, v.app.Roles)
	}
	s.tenants[key] = t
}

func merged(into, from map[string][]string) map[string][]string {
	all := maps.Clone(into)
	if all == nil {
		all = map[string][]string{}
	}
	maps.Copy(all, from)
	return all
}

// back sends the browser to the application with an answer, and the state it came with.
func (v visit) back(w http.ResponseWriter, r *http.Request, pairs ...string) {
	to := *v.redirect
	q := to.Query()
	for pair := range slices.Chunk(pairs, 2) {
		q.Set(pair[0], pair[1])
	}
	if state := v.query.Get("state"); state != "" {
		q.Set("state", state)
	}
	to.RawQuery = q.Encode()
	http.Redirect(w, r, to.String(), http.StatusFound)
}

// show tells the user what is wrong, in the browser.
func (s *Server) show(w http.ResponseWriter, r refusal) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(r.status)
	_, _ = fmt.Fprintf(w, "<!DOCTYPE html><title>Sign in to your account</title><h1>Sorry, but we're having trouble signing you in.</h1><p>%s</p>\n",
		html.EscapeString(r.description()))
}

func (r refusal) description() string { return fmt.Sprintf("AADSTS%d: %s", r.code, r.text) }
