package entra

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // the thumbprint of the older x5t header
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// assertion is a client assertion taken apart.
type assertion struct {
	header struct {
		Alg  string `json:"alg"`
		X5t  string `json:"x5t"`
		S256 string `json:"x5t#S256"`
	}
	claims struct {
		Aud string `json:"aud"`
		Iss string `json:"iss"`
		Sub string `json:"sub"`
		Exp int64  `json:"exp"`
		Nbf int64  `json:"nbf"`
		Jti string `json:"jti"`
	}
	signed    []byte
	signature []byte
}

func credentialKind(secret, jwt string) string {
	a, readable := parseAssertion(jwt)
	switch {
	case secret != "":
		return "client_secret"
	case readable && (a.header.S256 != "" || a.header.X5t != ""):
		return "certificate"
	case jwt != "":
		return "federated"
	default:
		return ""
	}
}

// checkCredential returns nil if the form proves to be from the application.
func (s *Server) checkCredential(app App, form url.Values, endpoint string) *refusal {
	secret, jwt := form.Get("client_secret"), form.Get("client_assertion")
	kind := credentialKind(secret, jwt)
	a, _ := parseAssertion(jwt)
	switch {
	case kind == "":
		return invalidClient(7000218, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.")
	case kind == "client_secret" && slices.Contains(app.ExpiredSecrets, secret):
		expired := sentence(7000222)
		return &expired
	case kind == "client_secret" && !slices.Contains(app.Secrets, secret):
		return invalidClient(7000215, "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app.")
	case kind == "client_secret":
		return nil
	case form.Get("client_assertion_type") != assertionType:
		return invalidClient(7000218, "The request body must contain the following parameter: 'client_assertion_type'.")
	case kind == "federated":
		return a.checkFederated(app)
	}
	if refused := a.checkSigned(app, endpoint); refused != nil {
		return refused
	}
	return s.checkNew(a)
}

// checkNew refuses an assertion that was there before. Entra is not known to be that strict; a client that is meant to sign
// each request has no excuse.
func (s *Server) checkNew(a assertion) *refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.claims.Jti == "" || s.jtis[a.claims.Jti] {
		return invalidClient(50013, "Assertion failed validation: its identifier is missing or was presented before.")
	}
	s.jtis[a.claims.Jti] = true
	return nil
}

func invalidClient(code int, text string) *refusal {
	return &refusal{http.StatusUnauthorized, "invalid_client", code, text}
}

// parseAssertion splits a JWT; it checks nothing.
func parseAssertion(jwt string) (a assertion, ok bool) {
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		return a, false
	}
	enc := base64.RawURLEncoding
	header, err1 := enc.DecodeString(parts[0])
	claims, err2 := enc.DecodeString(parts[1])
	signature, err3 := enc.DecodeString(parts[2])
	if err1 != nil || err2 != nil || err3 != nil ||
		json.Unmarshal(header, &a.header) != nil || json.Unmarshal(claims, &a.claims) != nil {
		return a, false
	}
	a.signed, a.signature = []byte(parts[0]+"."+parts[1]), signature
	return a, true
}

// checkSigned checks an assertion signed by a certificate. Its times are the signer's, so they are held against the
// clock of the machine and not against the server's.
func (a assertion) checkSigned(app App, endpoint string) *refusal {
	i := slices.IndexFunc(app.Certificates, a.names)
	switch {
	case i < 0 || !a.signedBy(app.Certificates[i].PublicKey):
		return invalidClient(700027, "The certificate with identifier used to sign the client assertion is not registered on application.")
	case a.claims.Aud != endpoint || a.claims.Iss != app.ClientID || a.claims.Sub != app.ClientID:
		return invalidClient(50013, "Assertion failed audience or issuer validation.")
	}
	return a.checkTimes()
}

func (a assertion) checkTimes() *refusal {
	now := time.Now().Unix()
	if a.claims.Exp < now || a.claims.Nbf > now+300 {
		return invalidClient(700024, "Client assertion is not within its valid time range.")
	}
	return nil
}

// names tells whether the header carries the certificate's thumbprint, in either base64.
func (a assertion) names(cert *x509.Certificate) bool {
	long, short := sha256.Sum256(cert.Raw), sha1.Sum(cert.Raw) //nolint:gosec // as above
	given, want := a.header.S256, long[:]
	if given == "" {
		given, want = a.header.X5t, short[:]
	}
	given = strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(given), "=")
	return given == base64.RawURLEncoding.EncodeToString(want)
}

func (a assertion) signedBy(public crypto.PublicKey) bool {
	key, ok := public.(*rsa.PublicKey)
	digest := sha256.Sum256(a.signed)
	switch {
	case !ok:
		return false
	case a.header.Alg == "PS256":
		return rsa.VerifyPSS(key, crypto.SHA256, digest[:], a.signature, nil) == nil
	case a.header.Alg == "RS256":
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], a.signature) == nil
	default:
		return false
	}
}

// checkFederated compares case by case, as Entra does, which says what does not match.
func (a assertion) checkFederated(app App) *refusal {
	const text = "No matching federated identity record found for presented assertion %s."
	closest := invalidClient(700211, fmt.Sprintf(text, "issuer"))
	for _, f := range app.Federated {
		switch {
		case f.Issuer != a.claims.Iss:
		case f.Subject != a.claims.Sub:
			closest = invalidClient(700213, fmt.Sprintf(text, "subject"))
		case f.Audience != a.claims.Aud:
			closest = invalidClient(700212, fmt.Sprintf(text, "audience"))
		case !a.signedBy(f.Key):
			return invalidClient(50013, "Assertion failed signature validation.")
		default:
			return a.checkTimes()
		}
	}
	return closest
}
