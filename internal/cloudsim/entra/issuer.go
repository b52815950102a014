package entra

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Issuer is an identity provider whose tokens an application may trust: a cluster, a pipeline, or Entra itself for managed
// identities.
type Issuer struct {
	url string
	key *rsa.PrivateKey
}

// NewIssuer returns an identity provider with a key of its own.
func NewIssuer(url string) *Issuer {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(fmt.Errorf("generating a key: %w", err)) // only without a source of randomness
	}
	return &Issuer{url, key}
}

// Sign returns a token for a subject that is valid from now on for a while, by the clock of the machine.
func (i *Issuer) Sign(subject, audience string, life time.Duration) string {
	now := time.Now()
	claims, err := json.Marshal(map[string]any{
		"iss": i.url, "sub": subject, "aud": audience, "iat": now.Unix(), "nbf": now.Add(-time.Minute).Unix(), "exp": now.Add(life).Unix(),
	})
	if err != nil {
		panic(err) // strings and numbers only
	}
	enc := base64.RawURLEncoding.EncodeToString
	signed := enc([]byte(`{"alg":"RS256","typ":"JWT","kid":"1"}`)) + "." + enc(claims)
	digest := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(nil, i.key, crypto.SHA256, digest[:])
	if err != nil {
		panic(fmt.Errorf("signing: %w", err)) // the key is large enough
	}
	return signed + "." + enc(signature)
}

// Federated is the credential of an application that trusts a subject's tokens.
func (i *Issuer) Federated(subject, audience string) Federated {
	return Federated{Issuer: i.url, Subject: subject, Audience: audience, Key: &i.key.PublicKey}
}

// Machine plays the endpoint of managed identities as App Service has it, at any path: its address goes into the
// environment variable IDENTITY_ENDPOINT, and Header into IDENTITY_HEADER.
type Machine struct {
	Issuer *Issuer
	Header string

	mu         sync.Mutex
	identities map[string]string
	status     int
	asked      []string
	issued     []string
}

// Add gives the machine a user-assigned identity: its client id, and the id of its principal, which is the subject.
func (m *Machine) Add(clientID, principalID string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.identities == nil {
		m.identities = map[string]string{}
	}
	m.identities[strings.ToLower(clientID)] = principalID
}

// Fail answers with a status from now on; zero ends it.
func (m *Machine) Fail(status int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.status = status
}

// Asked lists the requests so far as resource and client id.
func (m *Machine) Asked() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.asked...)
}

// Issued lists the tokens so far: none may show up in a log.
func (m *Machine) Issued() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.issued...)
}

// ServeHTTP answers a request for an identity's token.
func (m *Machine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	const life = time.Hour
	resource, client := r.URL.Query().Get("resource"), r.URL.Query().Get("client_id")
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = append(m.asked, resource+" "+client)
	principal, known := m.identities[strings.ToLower(client)]
	switch {
	case m.status != 0:
		http.Error(w, "{}", m.status)
	case r.Header.Get("X-Identity-Header") != m.Header || !known:
		writeJSON(w, http.StatusBadRequest, map[string]any{"statusCode": 400, "message": "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId."})
	default:
		token := m.Issuer.Sign(principal, resource, life)
		m.issued = append(m.issued, token)
		writeJSON(w, http.StatusOK, map[string]any{
			"access_token": token, "token_type": "Bearer", "resource": resource, "client_id": client,
			"expires_on": strconv.FormatInt(time.Now().Add(life).Unix(), 10),
		})
	}
}
