package main

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
)

// signatureSize and otherClaims make a token as long as Entra's are.
const (
	signatureSize = 342
	otherClaims   = 560
)

// signIn answers as Entra's v2.0 endpoint: the tenant's metadata, and then a token.
func (s *standIn) signIn(w http.ResponseWriter, r *http.Request) {
	tenant, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	w.Header().Set("Content-Type", "application/json")
	s.counter.signedIn()
	s.wait(r)
	switch path {
	case "v2.0/.well-known/openid-configuration":
		_, _ = fmt.Fprintf(w, `{"token_endpoint":"https://%[1]s/%[2]s/oauth2/v2.0/token","issuer":"https://%[1]s/%[2]s/v2.0",`+
			`"authorization_endpoint":"https://%[1]s/%[2]s/oauth2/v2.0/authorize"}`, r.Host, tenant)
	case "oauth2/v2.0/token":
		token := tokenOf(tenant)
		s.ids.Store("Bearer "+token, tenant)
		_, _ = fmt.Fprintf(w, `{"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"%s"}`, token)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func tokenOf(tenant string) string {
	claims := fmt.Sprintf(`{"aud":"https://api.securitycenter.microsoft.com","iss":"https://sts.windows.net/%[1]s/","appid":"%[2]s",`+
		`"tid":"%[1]s","roles":["Alert.Read.All","Incident.Read.All"],"ver":"1.0","xms":"%[3]s"}`, tenant, clientID, strings.Repeat("x", otherClaims))
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"typ":"JWT","alg":"RS256","x5t":"aaaaaaaaaaaaaaaaaaaaaaaaaaa","kid":"aaaaaaaaaaaaaaaaaaaaaaaaaaa"}`)) + "." +
		encode([]byte(claims)) + "." + strings.Repeat("s", signatureSize)
}
