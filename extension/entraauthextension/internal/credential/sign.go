package credential

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// assertionLife is how long a signed assertion is valid. Source: "Microsoft identity platform application authentication
// certificate credentials", which recommends five to ten minutes.
const assertionLife = 10 * time.Minute

// sign returns an assertion for one request to one token endpoint, as Microsoft's library makes it.
func (c certificate) sign(clientID, endpoint string, now time.Time) (string, error) {
	token := jwt.NewWithClaims(jwt.SigningMethodPS256, jwt.MapClaims{
		"aud": endpoint, "iss": clientID, "sub": clientID, "jti": rand.Text(),
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(assertionLife).Unix(),
	})
	thumbprint := sha256.Sum256(c.leaf.Raw)
	token.Header["x5t#S256"] = base64.RawURLEncoding.EncodeToString(thumbprint[:])
	chain := make([]string, len(c.chain))
	for i, cert := range c.chain {
		chain[i] = base64.StdEncoding.EncodeToString(cert.Raw)
	}
	token.Header["x5c"] = chain
	signed, err := token.SignedString(c.key)
	if err != nil {
		return "", fmt.Errorf("signing an assertion: %w", err)
	}
	return signed, nil
}
