package entra

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // the thumbprint of the older x5t header
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
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
func checkCredential(app App, form url.Values, endpoint string) *refusal {
	secret, jwt := form.Get("client_secret"), form.Get("client_assertion")
	switch credentialKind(secret, jwt) {
	case "client_secret":
		if !slices.Contains(app.Secrets, secret) {
			return invalidClient(7000215, "Invalid client secret provided.")
		}
		return nil
	case "certificate":
		a, _ := parseAssertion(jwt)
		return a.checkSigned(app, endpoint, form.Get("client_assertion_type"))
	case "federated":
		return checkFederated(app, jwt)
	default:
		return invalidClient(7000218, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.")
	}
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
func (a assertion) checkSigned(app App, endpoint, kind string) *refusal {
	i := slices.IndexFunc(app.Certificates, a.names)
	now := time.Now().Unix()
	switch {
	case kind != assertionType:
		return invalidClient(7000218, "The request body must contain the following parameter: 'client_assertion_type'.")
	case i < 0 || !a.signedBy(app.Certificates[i]):
		return invalidClient(700027, "The certificate with identifier used to sign the client assertion is not registered on application.")
	case a.claims.Aud != endpoint || a.claims.Iss != app.ClientID || a.claims.Sub != app.ClientID:
		return invalidClient(50013, "Assertion failed audience or issuer validation.")
	case a.claims.Exp < now || a.claims.Nbf > now+300:
		return invalidClient(700024, "Client assertion is not within its valid time range.")
	default:
		return nil
	}
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

func (a assertion) signedBy(cert *x509.Certificate) bool {
	key, ok := cert.PublicKey.(*rsa.PublicKey)
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

func checkFederated(app App, jwt string) *refusal {
	a, readable := parseAssertion(jwt)
	fits := slices.ContainsFunc(app.Federated, func(f Federated) bool {
		if f.Token != "" {
			return f.Token == jwt
		}
		return readable && f.Issuer == a.claims.Iss && f.Subject == a.claims.Sub && f.Audience == a.claims.Aud
	})
	if !fits {
		return invalidClient(700213, "No matching federated identity record found for presented assertion.")
	}
	return nil
}
