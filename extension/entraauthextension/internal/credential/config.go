package credential

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"go.opentelemetry.io/collector/config/configopaque"
)

// Application is an app registration.
type Application struct {
	// ClientID is the application (client) id, a GUID.
	ClientID string `mapstructure:"client_id"`
	// Credentials are tried in order; one that Entra rejects falls through to the next.
	Credentials []Config `mapstructure:"credentials"`
}

// Validate reports everything that is wrong with the registration itself.
func (a *Application) Validate() error {
	var errs []error
	if !IsGUID(a.ClientID) {
		errs = append(errs, errors.New("client_id must be the application's id, a GUID"))
	}
	if len(a.Credentials) == 0 {
		errs = append(errs, errors.New("credentials must hold at least one of client_secret, certificate_file, federated_token_file and managed_identity"))
	}
	return errors.Join(errs...)
}

// Fingerprint is equal for equal registrations; it holds no secret in the clear.
func (a *Application) Fingerprint() [sha256.Size]byte {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%q", strings.ToLower(a.ClientID))
	for _, c := range a.Credentials {
		identity := ""
		if c.ManagedIdentity != nil {
			identity = c.ManagedIdentity.ClientID
		}
		_, _ = fmt.Fprintf(h, "%q%q%q%q%q", string(c.ClientSecret), c.CertificateFile, string(c.CertificatePassword),
			c.FederatedTokenFile, identity)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// Config is one row of credentials: exactly one kind.
type Config struct {
	// ClientSecret is the value of the secret, not its id.
	ClientSecret configopaque.String `mapstructure:"client_secret"`
	// CertificateFile is a PEM file (chain and unencrypted RSA key) or a PFX file. It is read again when it changes.
	CertificateFile string `mapstructure:"certificate_file"`
	// CertificatePassword opens the PFX file.
	CertificatePassword configopaque.String `mapstructure:"certificate_password"`
	// FederatedTokenFile holds a token of an identity provider that the application trusts. It is read for each request.
	FederatedTokenFile string `mapstructure:"federated_token_file"`
	// ManagedIdentity is a user-assigned identity that the application trusts.
	ManagedIdentity *ManagedIdentity `mapstructure:"managed_identity"`
}

// ManagedIdentity is a user-assigned managed identity of the machine.
type ManagedIdentity struct {
	// ClientID is the identity's client id, a GUID.
	ClientID string `mapstructure:"client_id"`
}

// Validate checks the id.
func (m *ManagedIdentity) Validate() error {
	if !IsGUID(m.ClientID) {
		return errors.New("client_id must be the client id of a user-assigned managed identity, a GUID")
	}
	return nil
}

// Validate checks that the row is of exactly one kind.
func (c *Config) Validate() error {
	var errs []error
	if n := len(c.kinds()); n != 1 {
		errs = append(errs, fmt.Errorf(
			"takes exactly one of client_secret, certificate_file, federated_token_file and managed_identity, not %d", n))
	}
	if c.CertificatePassword != "" && c.CertificateFile == "" {
		errs = append(errs, errors.New("certificate_password goes with certificate_file"))
	}
	return errors.Join(errs...)
}

// Kind names the kind of credential by its key.
func (c *Config) Kind() string { return strings.Join(c.kinds(), "+") }

func (c *Config) kinds() []string {
	var kinds []string
	if c.ClientSecret != "" {
		kinds = append(kinds, "client_secret")
	}
	if c.CertificateFile != "" {
		kinds = append(kinds, "certificate_file")
	}
	if c.FederatedTokenFile != "" {
		kinds = append(kinds, "federated_token_file")
	}
	if c.ManagedIdentity != nil {
		kinds = append(kinds, "managed_identity")
	}
	return kinds
}

// IsGUID tells whether s is a GUID in its plain form of 36 characters.
func IsGUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range []byte(s) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		hex := (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')
		if dash != (c == '-') || (!dash && !hex) {
			return false
		}
	}
	return true
}
