package entra

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (s *Server) serveMetadata(w http.ResponseWriter, r *http.Request, tenant string) {
	s.mu.Lock()
	s.metadata++
	_, known := s.tenants[strings.ToLower(tenant)]
	s.mu.Unlock()
	if f, ok := s.takeFault(tenant, true); ok && s.play(w, r, f) {
		return
	}
	if !known {
		s.refuse(w, tenantNotFound(tenant, "invalid_tenant"))
		return
	}
	base := origin(r) + "/" + tenant
	writeJSON(w, http.StatusOK, map[string]any{
		"issuer":                                base + "/v2.0",
		"token_endpoint":                        base + "/oauth2/v2.0/token",
		"authorization_endpoint":                base + "/oauth2/v2.0/authorize",
		"jwks_uri":                              base + "/discovery/v2.0/keys",
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "private_key_jwt", "client_secret_basic"},
		"tenant_region_scope":                   "WW",
	})
}

func (s *Server) serveToken(w http.ResponseWriter, r *http.Request, tenant string, v version) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	if err := r.ParseForm(); err != nil || r.Method != http.MethodPost {
		s.refuse(w, refusal{http.StatusBadRequest, "invalid_request", 900144, "The request body must contain the following parameter: 'grant_type'."})
		return
	}
	form := r.PostForm
	s.see(form.Get("client_secret"), form.Get("client_assertion"), form.Get("refresh_token"), form.Get("code"), form.Get("code_verifier"))
	record := Request{
		Tenant: tenant, ClientID: form.Get("client_id"), Scope: form.Get("scope"), Resource: form.Get("resource"),
		Grant: form.Get("grant_type"), Credential: credentialKind(form.Get("client_secret"), form.Get("client_assertion")),
		Outcome: "success", ClientRequestID: r.Header.Get("client-request-id"),
	}
	f, faulty := s.takeFault(tenant, false)
	if faulty && !f.Lost {
		played := record
		played.Outcome = "fault"
		if f.Status != 0 || f.Code != "" || f.Body != "" || f.Hang {
			s.log(played)
		}
		if s.play(w, r, f) {
			return
		}
	}
	given, refused := s.grant(r, tenant, v)
	if refused != nil {
		record.Outcome = refused.outcome()
		s.log(record)
		s.refuse(w, *refused)
		return
	}
	record.TokenTID = given.claims.TenantID
	answer := s.issue(given, v)
	s.log(record)
	if faulty && f.Lost {
		<-r.Context().Done()
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

// granted is what a grant gives.
type granted struct {
	claims Claims
	// refresh is the new refresh token, empty where there is none.
	refresh string
}

// grant decides as Entra does: the tenant, the application's credential, the service principal, the grant, the resource.
func (s *Server) grant(r *http.Request, tenantID string, v version) (granted, *refusal) {
	form := r.PostForm
	s.mu.Lock()
	tenant, known := s.tenants[strings.ToLower(tenantID)]
	app, registered := s.apps[strings.ToLower(form.Get("client_id"))]
	s.mu.Unlock()
	switch {
	case !known:
		notFound := tenantNotFound(tenantID, "invalid_request")
		return granted{}, &notFound
	case tenant.OtherCloud:
		elsewhere := sentence(900432)
		return granted{}, &elsewhere
	case !registered || !tenant.Consented:
		refused := notInDirectory(form.Get("client_id"), tenantID)
		return granted{}, &refused
	}
	if refused := s.checkCredential(app, form, origin(r)+r.URL.Path); refused != nil {
		return granted{}, refused
	}
	if tenant.Disabled {
		return granted{}, &refusal{http.StatusBadRequest, "unauthorized_client", 7000112, "Application is disabled."}
	}
	switch form.Get("grant_type") {
	case "client_credentials":
		return s.grantApplication(tenant, app, form, v)
	case "authorization_code":
		return s.grantCode(tenant, app, form, v)
	case "refresh_token":
		return s.grantRefresh(tenant, app, form, v)
	default:
		return granted{}, &refusal{http.StatusBadRequest, "unsupported_grant_type", 70003, "The app requested an unsupported grant type."}
	}
}

func notInDirectory(clientID, tenantID string) refusal {
	return refusal{
		http.StatusBadRequest, "unauthorized_client", 700016,
		fmt.Sprintf("Application with identifier '%s' was not found in the directory '%s'.", clientID, tenantID),
	}
}

func (s *Server) grantApplication(tenant Tenant, app App, form url.Values, v version) (granted, *refusal) {
	resource, refused := requested(form, v)
	if refused != nil {
		return granted{}, refused
	}
	if v == v2 && !strings.Contains(form.Get("scope"), defaultScope) {
		return granted{}, invalidScope()
	}
	claims, refused := s.claims(tenant, app, resource)
	claims.Roles = slices.Clone(tenant.Roles[resource])
	return granted{claims: claims}, refused
}

// claims are those of a token for a resource, without permissions.
func (s *Server) claims(tenant Tenant, app App, resource string) (Claims, *refusal) {
	if slices.Contains(tenant.Absent, resource) {
		return Claims{}, &refusal{
			http.StatusBadRequest, "invalid_resource", 500011,
			fmt.Sprintf("The resource principal named %s was not found in the tenant.", resource),
		}
	}
	life := cmp.Or(tenant.Lifetime, s.opts.Lifetime)
	tid := cmp.Or(tenant.TokenTenant, strings.ToLower(tenant.ID))
	return Claims{TenantID: tid, Audience: resource, AppID: app.ClientID, Expires: s.opts.Now().Add(life)}, nil
}

const defaultScope = "/.default"

func invalidScope() *refusal {
	return &refusal{http.StatusBadRequest, "invalid_scope", 70011, "The provided value for the input parameter 'scope' is not valid."}
}

// requested is the resource that a form names: by itself on v1.0, in its scopes on v2.0.
func requested(form url.Values, v version) (string, *refusal) {
	resource := form.Get("resource")
	switch {
	case v == v2 && resource != "":
		return "", &refusal{http.StatusBadRequest, "invalid_request", 901002, "The 'resource' request parameter is not supported."}
	case v == v1 && resource == "":
		return "", &refusal{http.StatusBadRequest, "invalid_request", 900144, "The request body must contain the following parameter: 'resource'."}
	case v == v1:
		return strings.TrimSuffix(resource, "/"), nil
	}
	return resourceOf(form.Get("scope"))
}

// resourceOf finds the one resource among the scopes, which may hold those that OpenID libraries add.
func resourceOf(scopes string) (resource string, refused *refusal) {
	for scope := range strings.FieldsSeq(scopes) {
		of, ok := strings.CutSuffix(scope, defaultScope)
		if !ok && strings.Contains(scope, "://") {
			of = scope[:strings.LastIndex(scope, "/")]
		} else if !ok {
			continue // openid, profile, email, offline_access
		}
		if resource != "" && of != resource {
			return "", &refusal{http.StatusBadRequest, "invalid_scope", 28000, "Provided value for the input parameter scope is not valid because it contains more than one resource."}
		}
		resource = of
	}
	if resource == "" {
		return "", invalidScope()
	}
	return resource, nil
}

// issue remembers a token and returns the document that has it.
func (s *Server) issue(g granted, v version) map[string]any {
	uti, now := s.guid(), s.opts.Now()
	token := "opaque." + uti
	if !s.opts.Opaque {
		token = jwt(g.claims, uti, now)
	}
	s.mu.Lock()
	s.tokens[token] = g.claims
	s.seen = append(s.seen, token)
	s.mu.Unlock()
	seconds := int(g.claims.Expires.Sub(now) / time.Second)
	doc := map[string]any{"token_type": "Bearer", "access_token": token, "expires_in": seconds, "ext_expires_in": seconds}
	if v == v1 { // which writes numbers as text
		doc["expires_in"], doc["ext_expires_in"] = strconv.Itoa(seconds), strconv.Itoa(seconds)
		doc["expires_on"] = strconv.FormatInt(g.claims.Expires.Unix(), 10)
		doc["not_before"] = strconv.FormatInt(now.Unix(), 10)
		doc["resource"] = g.claims.Audience
	}
	if g.claims.Delegated {
		doc["scope"] = strings.Join(g.claims.Roles, " ")
	}
	if g.refresh != "" {
		doc["refresh_token"] = g.refresh
	}
	return doc
}

// jwt is shaped like Entra's v1.0 access token, without a true signature: a client must not check it.
func jwt(c Claims, uti string, now time.Time) string {
	claims := map[string]any{
		"aud": c.Audience, "iss": "https://sts.windows.net/" + c.TenantID + "/", "tid": c.TenantID,
		"appid": c.AppID, "azp": c.AppID, "appidacr": "1", "idtyp": "app", "ver": "1.0", "uti": uti,
		"iat": now.Unix(), "nbf": now.Unix(), "exp": c.Expires.Unix(),
	}
	switch {
	case c.Delegated:
		claims["idtyp"], claims["upn"], claims["scp"] = "user", "analyst@customer.example", strings.Join(c.Roles, " ")
	case len(c.Roles) > 0:
		claims["roles"] = c.Roles
	}
	body, err := json.Marshal(claims)
	if err != nil {
		panic(err) // strings and numbers only
	}
	enc := base64.RawURLEncoding
	return enc.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + enc.EncodeToString(body) + "." +
		enc.EncodeToString([]byte("simulated "+uti))
}

func tenantNotFound(tenant, oauth string) refusal {
	return refusal{
		http.StatusBadRequest, oauth, 90002,
		fmt.Sprintf("Tenant '%s' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.", tenant),
	}
}

func origin(r *http.Request) string {
	if r.TLS == nil {
		return "http://" + r.Host
	}
	return "https://" + r.Host
}

func (s *Server) log(r Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.Time = s.opts.Now()
	s.requests = append(s.requests, r)
}

func (s *Server) see(secrets ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, secret := range secrets {
		if secret != "" && !slices.Contains(s.seen[max(0, len(s.seen)-16):], secret) {
			s.seen = append(s.seen, secret)
		}
	}
}
