package entra

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// codeLifetime is how long an authorization code can be redeemed.
const codeLifetime = 10 * time.Minute

// code is an authorization code, good for one use.
type code struct {
	tenant, client string
	redirectURI    string
	resource       string
	offline        bool // a refresh token was asked for
	challenge      string
	plain          bool
	expires        time.Time
	used           bool
}

// refreshToken is a user's consent to go on. It is bound to the application and, here, to the tenant, but to no resource.
type refreshToken struct {
	tenant, client string
	expires        time.Time
	ended          int // the AADSTS code by which it is refused, zero while it works
}

func invalidGrant(code int, text string) *refusal {
	return &refusal{http.StatusBadRequest, "invalid_grant", code, text}
}

// grantCode redeems an authorization code.
func (s *Server) grantCode(tenant Tenant, app App, form url.Values, v version) (granted, *refusal) {
	s.mu.Lock()
	c, refused := s.redeem(form)
	s.mu.Unlock()
	switch {
	case refused != nil:
		return granted{}, refused
	case !strings.EqualFold(c.tenant, tenant.ID):
		return granted{}, invalidGrant(700005, "The provided authorization code is intended for use against another tenant.")
	case !strings.EqualFold(c.client, app.ClientID):
		return granted{}, invalidGrant(70000, "The provided authorization code was issued to another client.")
	case c.redirectURI != form.Get("redirect_uri"):
		return granted{}, invalidGrant(500112, "The reply address does not match the reply address provided when requesting the authorization code.")
	case !c.verifies(form.Get("code_verifier")):
		return granted{}, invalidGrant(501481, "The Code_Verifier does not match the code_challenge supplied in the authorization request.")
	}
	resource := c.resource
	if form.Get("scope") != "" || form.Get("resource") != "" {
		if resource, refused = requested(form, v); refused != nil {
			return granted{}, refused
		}
	}
	return s.delegate(tenant, app, resource, c.offline || v == v1)
}

// redeem uses up a code; the caller holds the lock.
func (s *Server) redeem(form url.Values) (*code, *refusal) {
	c, known := s.codes[form.Get("code")]
	switch {
	case !known:
		return nil, invalidGrant(70000, "The provided value for the 'code' parameter is not valid.")
	case c.used:
		return nil, invalidGrant(54005, "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.")
	case !s.opts.Now().Before(c.expires):
		return nil, invalidGrant(70008, "The provided authorization code or refresh token has expired due to inactivity.")
	}
	c.used = true
	return c, nil
}

// verifies holds the verifier of RFC 7636 against the challenge.
func (c *code) verifies(verifier string) bool {
	digest := sha256.Sum256([]byte(verifier))
	switch {
	case c.challenge == "":
		return verifier == ""
	case c.plain:
		return verifier == c.challenge
	default:
		return base64.RawURLEncoding.EncodeToString(digest[:]) == c.challenge
	}
}

// grantRefresh gives a token and a new refresh token; the old one works until its own end, as at Entra.
func (s *Server) grantRefresh(tenant Tenant, app App, form url.Values, v version) (granted, *refusal) {
	s.mu.Lock()
	t, known := s.refresh[form.Get("refresh_token")]
	s.mu.Unlock()
	switch {
	case !known || !strings.EqualFold(t.client, app.ClientID):
		return granted{}, invalidGrant(70000, "Provided grant is invalid or malformed.")
	case !strings.EqualFold(t.tenant, tenant.ID):
		return granted{}, invalidGrant(50020, "User account does not exist in tenant and cannot access the application in that tenant.")
	case t.ended != 0:
		ended := sentence(t.ended)
		return granted{}, invalidGrant(t.ended, ended.text)
	case !s.opts.Now().Before(t.expires):
		expired := sentence(700082)
		return granted{}, &expired
	}
	resource, refused := requested(form, v)
	if refused != nil {
		return granted{}, refused
	}
	return s.delegate(tenant, app, resource, v == v1 || slices.Contains(strings.Fields(form.Get("scope")), "offline_access"))
}

// delegate gives a user's token, and a refresh token where that was asked for.
func (s *Server) delegate(tenant Tenant, app App, resource string, offline bool) (granted, *refusal) {
	claims, refused := s.claims(tenant, app, resource)
	if refused != nil {
		return granted{}, refused
	}
	scopes, consented := tenant.Scopes[resource]
	if !consented {
		return granted{}, invalidGrant(65001, "The user or administrator has not consented to use the application. Send an interactive authorization request for this user and resource.")
	}
	claims.Delegated, claims.Roles = true, slices.Clone(scopes)
	given := granted{claims: claims}
	if offline {
		given.refresh = s.SignIn(tenant.ID, app.ClientID)
	}
	return given, nil
}

// SignIn returns a refresh token as though a user of the tenant had signed in to the application.
func (s *Server) SignIn(tenantID, clientID string) string {
	token := s.secret("1.A")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refresh[token] = &refreshToken{
		tenant: tenantID, client: clientID, expires: s.opts.Now().Add(s.opts.RefreshLifetime),
	}
	s.seen = append(s.seen, token)
	return token
}

// RevokeSignIns ends every refresh token that a tenant has now, by an AADSTS code such as 50173, 70008, 700082 or 70043, but
// for those named.
func (s *Server) RevokeSignIns(tenantID string, code int, but ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for token, t := range s.refresh {
		if strings.EqualFold(t.tenant, tenantID) && !slices.Contains(but, token) {
			t.ended = code
		}
	}
}

// RevokeSignIn ends one refresh token, as its age would.
func (s *Server) RevokeSignIn(token string, code int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, known := s.refresh[token]; known {
		t.ended = code
	}
}

// SignIns counts the refresh tokens of a tenant that work.
func (s *Server) SignIns(tenantID string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.refresh {
		if strings.EqualFold(t.tenant, tenantID) && t.ended == 0 && s.opts.Now().Before(t.expires) {
			n++
		}
	}
	return n
}

// secret is a new text of the length that Entra's codes and refresh tokens have.
func (s *Server) secret(prefix string) string {
	text, block := prefix, s.guid()
	for len(text) < 1000 {
		digest := sha256.Sum256([]byte(block))
		block = base64.RawURLEncoding.EncodeToString(digest[:])
		text += block
	}
	return text
}
