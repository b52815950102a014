package token

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
)

// maxTokenSize bounds the part of a token that is decoded; Entra's tokens are a few KiB.
const maxTokenSize = 64 << 10

// Token is an access token for one tenant and one scope. Shared: do not change.
type Token struct {
	// Header is the value of the Authorization header.
	Header string
	// Expires is when Entra says that it ends.
	Expires time.Time

	claims   claims
	readable bool
}

// claims are the few that are looked at. Nothing else may be concluded from a token that is meant for someone else.
type claims struct {
	tenant, application, audience string
	roles                         []string
	delegated                     bool
}

func newToken(value string, expires time.Time) *Token {
	t := &Token{Header: "Bearer " + value, Expires: expires}
	t.claims, t.readable = parseClaims(value)
	return t
}

// Permits tells whether the token holds one of the roles. A token that cannot be read is left to the API to judge.
func (t *Token) Permits(roles []string) bool {
	if len(roles) == 0 || !t.readable {
		return true
	}
	for _, role := range roles {
		if slices.Contains(t.claims.roles, role) {
			return true
		}
	}
	return false
}

// Info is what the token says of itself.
func (t *Token) Info() entraauth.TokenInfo {
	return entraauth.TokenInfo{
		TenantID: t.claims.tenant, ApplicationID: t.claims.application, Audience: t.claims.audience,
		Roles: slices.Clone(t.claims.roles), Delegated: t.claims.delegated, Expires: t.Expires, Readable: t.readable,
	}
}

// parseClaims reads the claims of a JWT and reports false for anything else. The signature is the API's to check.
func parseClaims(token string) (claims, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || len(token) > maxTokenSize {
		return claims{}, false
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return claims{}, false
	}
	var doc map[string]json.RawMessage
	if json.Unmarshal(raw, &doc) != nil || doc == nil {
		return claims{}, false
	}
	c := claims{
		tenant: strings.ToLower(text(doc["tid"])), audience: text(doc["aud"]),
		application: strings.ToLower(cmp.Or(text(doc["appid"]), text(doc["azp"]))), // of a v1.0 and of a v2.0 token
	}
	if json.Unmarshal(doc["roles"], &c.roles) != nil {
		c.roles = strings.Fields(text(doc["roles"]))
	}
	scopes := strings.Fields(text(doc["scp"]))
	c.delegated = len(scopes) > 0
	c.roles = append(c.roles, scopes...)
	return c, true
}

// text returns a string, or nothing for a value that is not one.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}
