package entra

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
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

func (s *Server) serveToken(w http.ResponseWriter, r *http.Request, tenant string) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	if err := r.ParseForm(); err != nil || r.Method != http.MethodPost {
		s.refuse(w, refusal{http.StatusBadRequest, "invalid_request", 900144, "The request body must contain the parameter 'grant_type'."})
		return
	}
	s.see(r.PostForm.Get("client_secret"), r.PostForm.Get("client_assertion"))
	record := Request{
		Tenant: tenant, ClientID: r.PostForm.Get("client_id"), Scope: r.PostForm.Get("scope"),
		Credential: credentialKind(r.PostForm.Get("client_secret"), r.PostForm.Get("client_assertion")),
		Outcome:    "success", ClientRequestID: r.Header.Get("client-request-id"),
	}
	if f, ok := s.takeFault(tenant, false); ok {
		played := record
		played.Outcome = "fault"
		if f.Status != 0 || f.Code != "" || f.Body != "" || f.Hang {
			s.log(played)
		}
		if s.play(w, r, f) {
			return
		}
	}
	claims, refused := s.grant(r, tenant)
	if refused != nil {
		record.Outcome = refused.outcome()
		s.log(record)
		s.refuse(w, *refused)
		return
	}
	record.TokenTID = claims.TenantID
	s.log(record)
	s.issue(w, claims)
}

// grant decides as Entra does: the tenant, the application's credential, the service principal, the resource.
func (s *Server) grant(r *http.Request, tenantID string) (Claims, *refusal) {
	form := r.PostForm
	s.mu.Lock()
	tenant, known := s.tenants[strings.ToLower(tenantID)]
	app, registered := s.apps[strings.ToLower(form.Get("client_id"))]
	s.mu.Unlock()
	switch {
	case !known:
		notFound := tenantNotFound(tenantID, "invalid_request")
		return Claims{}, &notFound
	case form.Get("grant_type") != "client_credentials":
		return Claims{}, &refusal{http.StatusBadRequest, "unsupported_grant_type", 70003, "The app requested an unsupported grant type."}
	case !registered || !tenant.Consented:
		return Claims{}, &refusal{
			http.StatusBadRequest, "unauthorized_client", 700016,
			fmt.Sprintf("Application with identifier '%s' was not found in the directory '%s'.", form.Get("client_id"), tenantID),
		}
	}
	if refused := checkCredential(app, form, origin(r)+r.URL.Path); refused != nil {
		return Claims{}, refused
	}
	return s.authorize(tenant, app, form.Get("scope"))
}

func (s *Server) authorize(tenant Tenant, app App, scope string) (Claims, *refusal) {
	resource, ok := resourceOf(scope)
	switch {
	case tenant.Disabled:
		return Claims{}, &refusal{http.StatusBadRequest, "unauthorized_client", 7000112, "Application is disabled."}
	case !ok:
		return Claims{}, &refusal{http.StatusBadRequest, "invalid_scope", 70011, "The provided value for the input parameter 'scope' is not valid."}
	case slices.Contains(tenant.Absent, resource):
		return Claims{}, &refusal{
			http.StatusBadRequest, "invalid_resource", 500011,
			fmt.Sprintf("The resource principal named %s was not found in the tenant.", resource),
		}
	}
	life := s.opts.Lifetime
	if tenant.Lifetime > 0 {
		life = tenant.Lifetime
	}
	tid := strings.ToLower(tenant.ID)
	if tenant.TokenTenant != "" {
		tid = tenant.TokenTenant
	}
	return Claims{
		TenantID: tid, Audience: resource, AppID: app.ClientID, Roles: slices.Clone(tenant.Roles[resource]),
		Expires: s.opts.Now().Add(life),
	}, nil
}

// resourceOf finds the one /.default scope among those that OpenID libraries add.
func resourceOf(scope string) (string, bool) {
	for part := range strings.FieldsSeq(scope) {
		if resource, ok := strings.CutSuffix(part, "/.default"); ok {
			return resource, resource != ""
		}
	}
	return "", false
}

// issue writes the token document.
func (s *Server) issue(w http.ResponseWriter, c Claims) {
	uti, now := s.guid(), s.opts.Now()
	token := "opaque." + uti
	if !s.opts.Opaque {
		token = jwt(c, uti, now)
	}
	s.mu.Lock()
	s.tokens[token] = c
	s.seen = append(s.seen, token)
	s.mu.Unlock()
	seconds := int(c.Expires.Sub(now) / time.Second)
	writeJSON(w, http.StatusOK, map[string]any{
		"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token,
	})
}

// jwt is shaped like Entra's v1.0 access token, without a true signature: a client must not check it.
func jwt(c Claims, uti string, now time.Time) string {
	claims := map[string]any{
		"aud": c.Audience, "iss": "https://sts.windows.net/" + c.TenantID + "/", "tid": c.TenantID,
		"appid": c.AppID, "azp": c.AppID, "appidacr": "1", "idtyp": "app", "ver": "1.0", "uti": uti,
		"iat": now.Unix(), "nbf": now.Unix(), "exp": c.Expires.Unix(),
	}
	if len(c.Roles) > 0 {
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
