package cloudsim

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// authority is a certificate authority of its own, with one certificate for 127.0.0.1.
type authority struct {
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
	server      tls.Certificate

	mu    sync.Mutex
	hosts map[string]*tls.Certificate
}

func newAuthority() *authority {
	caKey, ca := certify(&x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "simulated cloud"},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil, nil)
	key, leaf := certify(&x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "127.0.0.1"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, ca, caKey)
	return &authority{
		key: caKey, certificate: ca, server: tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key}, hosts: map[string]*tls.Certificate{},
	}
}

// certificateFor returns a certificate for one of Microsoft's hosts.
func (a *authority) certificateFor(host string) *tls.Certificate {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.hosts[host] == nil {
		key, leaf := certify(&x509.Certificate{
			SerialNumber: big.NewInt(int64(3 + len(a.hosts))), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		}, a.certificate, a.key)
		a.hosts[host] = &tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key}
	}
	return a.hosts[host]
}

// certify signs a certificate for a new key, with that key itself if there is no parent.
func certify(template, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*ecdsa.PrivateKey, *x509.Certificate) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(fmt.Errorf("generating a key: %w", err)) // only without a source of randomness
	}
	if parent == nil {
		parent, parentKey = template, key
	}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().AddDate(1, 0, 0)
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		panic(fmt.Errorf("creating a certificate: %w", err)) // only for a template that is wrong
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		panic(fmt.Errorf("reading a certificate: %w", err)) // just created
	}
	return key, certificate
}

func (a *authority) serverConfig() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{a.server}, MinVersion: tls.VersionTLS12}
}

// CAFile writes the certificate of the cloud's authority into dir and returns the file's path.
func (c *Cloud) CAFile(dir string) (string, error) {
	path := filepath.Join(dir, "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.authority.certificate.Raw})
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return "", fmt.Errorf("writing the authority's certificate: %w", err)
	}
	return path, nil
}

// Client returns an HTTP client that trusts the cloud. Its idle connections are the caller's to close.
func (c *Cloud) Client() *http.Client {
	transport := &http.Transport{ForceAttemptHTTP2: true}
	if c.authority != nil {
		pool := x509.NewCertPool()
		pool.AddCert(c.authority.certificate)
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{Transport: transport}
}
