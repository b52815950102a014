package credential

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	"go.uber.org/zap"
	"software.sslmate.com/src/go-pkcs12"
)

const (
	maxFileSize = 1 << 20
	// warnBefore is how long before its end a certificate is warned of.
	warnBefore = 30 * 24 * time.Hour
)

// certificateFile follows a certificate: it looks for a change each time a token is due and keeps the last good one.
type certificateFile struct {
	path, password string
	now            func() time.Time
	logger         *zap.Logger

	mu     sync.Mutex
	info   os.FileInfo
	last   certificate
	broken bool
	warned bool
}

// certificate is what was read of a file; generation counts the readings.
type certificate struct {
	cred       confidential.Credential
	leaf       *x509.Certificate
	chain      []*x509.Certificate // the leaf first
	key        *rsa.PrivateKey
	generation int
}

func (f *certificateFile) current() (certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.refresh()
	switch {
	case err == nil:
		f.broken = false
	case f.last.generation == 0:
		return certificate{}, err
	case !f.broken:
		f.broken = true
		f.logger.Warn("Keeping the last good certificate", zap.String("file", f.path), zap.Error(err))
	}
	f.warn()
	return f.last, nil
}

func (f *certificateFile) end() (time.Time, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.last.generation == 0 {
		return time.Time{}, false
	}
	return f.last.leaf.NotAfter, true
}

// refresh reads the file if it is not the one read last.
func (f *certificateFile) refresh() error {
	info, err := os.Stat(f.path)
	if err != nil {
		return err
	}
	if f.info != nil && os.SameFile(info, f.info) && info.Size() == f.info.Size() && info.ModTime().Equal(f.info.ModTime()) {
		return nil
	}
	data, err := readBounded(f.path)
	if err != nil {
		return err
	}
	certs, key, err := parse(data, f.password)
	if err != nil {
		return fmt.Errorf("reading %s: %w", f.path, err)
	}
	cred, err := confidential.NewCredFromCert(certs, key)
	if err != nil {
		return fmt.Errorf("reading %s: %w", f.path, err)
	}
	first := leaf(certs, key)
	others := slices.DeleteFunc(slices.Clone(certs), func(c *x509.Certificate) bool { return c == first })
	f.last = certificate{
		cred: cred, leaf: first, chain: append([]*x509.Certificate{first}, others...), key: key.(*rsa.PrivateKey),
		generation: f.last.generation + 1,
	}
	f.info, f.warned = info, false
	return nil
}

// warn says once of each certificate that it ends soon.
func (f *certificateFile) warn() {
	end := f.last.leaf.NotAfter
	if left := end.Sub(f.now()); left < warnBefore && !f.warned {
		f.warned = true
		f.logger.Warn("A certificate ends soon: register a new one with the application and replace the file",
			zap.String("file", f.path), zap.Time("not_after", end), zap.Duration("left", left.Round(time.Second)))
	}
}

// parse reads PEM by Microsoft's library and PFX by another one, which reads what today's OpenSSL writes.
func parse(data []byte, password string) ([]*x509.Certificate, crypto.PrivateKey, error) {
	certs, key, err := decode(data, password)
	if err != nil {
		return nil, nil, err
	}
	if len(certs) == 0 {
		return nil, nil, errors.New("no certificate in it")
	}
	if _, ok := key.(*rsa.PrivateKey); !ok {
		return nil, nil, errNotRSA
	}
	if leaf(certs, key) == nil {
		return nil, nil, errors.New("no certificate in it belongs to its key")
	}
	return certs, key, nil
}

func decode(data []byte, password string) ([]*x509.Certificate, crypto.PrivateKey, error) {
	if bytes.Contains(data, []byte("-----BEGIN")) {
		if err := unusableKey(data); err != nil {
			return nil, nil, err
		}
		return confidential.CertFromPEM(data, "")
	}
	key, cert, chain, err := pkcs12.DecodeChain(data, password)
	if err != nil {
		return nil, nil, fmt.Errorf("neither PEM nor a PFX that certificate_password opens: %w", err)
	}
	return append([]*x509.Certificate{cert}, chain...), key, nil
}

var (
	errEncrypted = errors.New("the private key in it is encrypted: remove the passphrase, or use a PFX with certificate_password")
	errNotRSA    = errors.New("the private key in it is not RSA; Entra takes no other kind")
)

// unusableKey finds the keys that Microsoft's library passes over, as if the file held none.
func unusableKey(data []byte) error {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		switch _, legacy := block.Headers["DEK-Info"]; {
		case legacy, block.Type == "ENCRYPTED PRIVATE KEY":
			return errEncrypted
		case block.Type == "EC PRIVATE KEY":
			return errNotRSA
		}
	}
	return nil
}

// leaf is the certificate of the key, wherever it stands in the chain.
func leaf(certs []*x509.Certificate, key crypto.PrivateKey) *x509.Certificate {
	private, ok := key.(*rsa.PrivateKey)
	for _, cert := range certs {
		if ok && private.PublicKey.Equal(cert.PublicKey) {
			return cert
		}
	}
	return nil
}

func readBounded(path string) ([]byte, error) {
	file, err := os.Open(path) //nolint:gosec // a path of the configuration
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	data, err := io.ReadAll(io.LimitReader(file, maxFileSize+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFileSize {
		return nil, fmt.Errorf("reading %s: larger than %d bytes", path, maxFileSize)
	}
	return data, nil
}
