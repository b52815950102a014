package refresh

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

const (
	keySize = 32
	// version is the first byte of a sealed entry: AES-256-GCM behind the name of its key and a nonce of its own.
	version  = 1
	nameSize = 8
)

// ErrKeyFormat says how a key is written. It does not quote what was written instead.
var ErrKeyFormat = errors.New("must be 32 bytes in base64, such as `openssl rand -base64 32` prints")

// Keys seal with the newest key and open with any.
type Keys struct{ keys []key }

type key struct {
	// name tells keys apart without telling anything of them.
	name [nameSize]byte
	aead cipher.AEAD
}

// NewKeys reads the key in use, and those that were in use before it. The error is ErrKeyFormat.
func NewKeys(newest string, older ...string) (*Keys, error) {
	k := &Keys{}
	for _, text := range append([]string{newest}, older...) {
		one, err := newKey(text)
		if err != nil {
			return nil, err
		}
		k.keys = append(k.keys, one)
	}
	return k, nil
}

// CheckKey tells whether a text is a key. The error is ErrKeyFormat.
func CheckKey(text string) error {
	_, err := newKey(text)
	return err
}

func newKey(text string) (key, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(raw) != keySize {
		return key{}, ErrKeyFormat
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return key{}, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return key{}, err
	}
	digest := sha256.Sum256(append([]byte("the name of a storage_encryption_key: "), raw...))
	return key{name: [nameSize]byte(digest[:nameSize]), aead: aead}, nil
}

// seal encrypts with the newest key. What it belongs to is authenticated with it, so that no entry passes for another's.
func (k *Keys) seal(plain []byte, belongsTo string) []byte {
	newest := k.keys[0]
	head := append([]byte{version}, newest.name[:]...)
	nonce := make([]byte, newest.aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails: the program would end
	sealed := append(bytes.Clone(head), nonce...)
	return newest.aead.Seal(sealed, nonce, plain, additional(head, belongsTo))
}

var (
	errDamaged = errors.New("it is damaged, or was stored for another tenant or application")
	errKey     = errors.New("it was encrypted with a key that is neither storage_encryption_key nor one of storage_encryption_old_keys")
)

func (k *Keys) open(sealed []byte, belongsTo string) ([]byte, error) {
	if len(sealed) < 1+nameSize {
		return nil, errDamaged
	}
	if sealed[0] != version {
		return nil, fmt.Errorf("it was written by another version of the program (format %d)", sealed[0])
	}
	head, rest := sealed[:1+nameSize], sealed[1+nameSize:]
	for _, one := range k.keys {
		if !bytes.Equal(head[1:], one.name[:]) {
			continue
		}
		size := one.aead.NonceSize()
		if len(rest) < size {
			return nil, errDamaged
		}
		plain, err := one.aead.Open(nil, rest[:size], rest[size:], additional(head, belongsTo))
		if err != nil {
			return nil, errDamaged
		}
		return plain, nil
	}
	return nil, errKey
}

func additional(head []byte, belongsTo string) []byte { return append(bytes.Clone(head), belongsTo...) }
