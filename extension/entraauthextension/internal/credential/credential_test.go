package credential

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestIsGUID(t *testing.T) {
	for _, s := range []string{"72f988bf-86f1-41af-91ab-2d7cd011db47", "72F988BF-86F1-41AF-91AB-2D7CD011DB47"} {
		assert.True(t, IsGUID(s), s)
	}
	for _, s := range []string{
		"", "contoso.com", "common", "{72f988bf-86f1-41af-91ab-2d7cd011db47}", "72f988bf86f141af91ab2d7cd011db47",
		"72f988bf-86f1-41af-91ab-2d7cd011db4/", "72f988bf-86f1-41af-91ab_2d7cd011db47", "72f988bf-86f1-41af-91ab-2d7cd011db471",
	} {
		assert.False(t, IsGUID(s), s)
	}
}

func TestFingerprintTellsApplicationsApart(t *testing.T) {
	base := func() *Application { return &Application{ClientID: "a", Credentials: []Config{{ClientSecret: "x"}}} }
	upper := base()
	upper.ClientID = "A"
	assert.Equal(t, base().Fingerprint(), upper.Fingerprint(), "ids are compared without regard to case")
	seen := map[[32]byte]bool{base().Fingerprint(): true}
	for _, c := range []Config{
		{ClientSecret: "y"},
		{CertificateFile: "x"},
		{CertificatePassword: "x"},
		{FederatedTokenFile: "x"},
		{ManagedIdentity: &ManagedIdentity{ClientID: "x"}},
		{CertificateFile: "x", CertificatePassword: "y"},
		{},
	} {
		other := &Application{ClientID: "a", Credentials: []Config{c}}
		assert.False(t, seen[other.Fingerprint()])
		seen[other.Fingerprint()] = true
	}
}

func writeBlocks(t *testing.T, path string, blocks ...*pem.Block) {
	t.Helper()
	var out []byte
	for _, block := range blocks {
		out = append(out, pem.EncodeToMemory(block)...)
	}
	require.NoError(t, os.WriteFile(path, out, 0o600))
}

func certificateOf(t *testing.T, public, private any) *pem.Block {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	require.NoError(t, err)
	return &pem.Block{Type: "CERTIFICATE", Bytes: der}
}

func TestCertificateFilesThatEntraWouldNotTake(t *testing.T) {
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	curveKey, err := x509.MarshalPKCS8PrivateKey(curve)
	require.NoError(t, err)
	one, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	key := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(one)}
	path := filepath.Join(t.TempDir(), "app.pem")
	sec1, err := x509.MarshalECPrivateKey(curve)
	require.NoError(t, err)
	legacy := map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"}
	for want, blocks := range map[string][]*pem.Block{
		"is not RSA":   {certificateOf(t, &curve.PublicKey, curve), {Type: "PRIVATE KEY", Bytes: curveKey}},
		"not RSA;":     {certificateOf(t, &curve.PublicKey, curve), {Type: "EC PRIVATE KEY", Bytes: sec1}},
		"encrypted":    {certificateOf(t, &one.PublicKey, one), {Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")}},
		"encrypted:":   {certificateOf(t, &one.PublicKey, one), {Type: "RSA PRIVATE KEY", Headers: legacy, Bytes: []byte("x")}},
		"belongs to":   {certificateOf(t, &other.PublicKey, other), key},
		"certificate":  {key},
		"private key":  {certificateOf(t, &one.PublicKey, one)},
		"could not be": {{Type: "CERTIFICATE", Bytes: []byte("x")}, key},
	} {
		writeBlocks(t, path, blocks...)
		cred := New(Config{CertificateFile: path}, Options{Now: time.Now, Logger: zap.NewNop()})
		_, _, err = cred.Current()
		require.ErrorContains(t, err, want)
	}

	writeBlocks(t, path, certificateOf(t, &other.PublicKey, other), certificateOf(t, &one.PublicKey, one), key)
	cred := New(Config{CertificateFile: path}, Options{Now: time.Now, Logger: zap.NewNop()})
	_, known := cred.NotAfter()
	assert.False(t, known, "nothing is read before its time")
	_, generation, err := cred.Current()
	require.NoError(t, err, "PKCS#1, and the certificate of the key wherever it stands")
	_, again, err := cred.Current()
	require.NoError(t, err)
	assert.Equal(t, generation, again, "an unchanged file is not read again")
	_, known = cred.NotAfter()
	assert.True(t, known)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "")
	f.Add([]byte{0x30, 0x82}, "password")
	f.Fuzz(func(t *testing.T, data []byte, password string) {
		certs, key, err := parse(data, password)
		if err == nil {
			require.NotNil(t, leaf(certs, key))
		}
	})
}

func TestEndOfACertificateIsWarnedOfWhenItDrawsNear(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "app.pem")
	writeBlocks(t, path, certificateOf(t, &key.PublicKey, key), &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	core, logs := observer.New(zap.DebugLevel)
	now := time.Now().Add(-31 * 24 * time.Hour)
	cred := New(Config{CertificateFile: path}, Options{Now: func() time.Time { return now }, Logger: zap.New(core)})
	for range 2 {
		_, _, err = cred.Current()
		require.NoError(t, err)
	}
	require.Zero(t, logs.Len())
	now = now.Add(2 * 24 * time.Hour)
	for range 2 {
		_, _, err = cred.Current()
		require.NoError(t, err)
	}
	require.Equal(t, 1, logs.Len())
}
