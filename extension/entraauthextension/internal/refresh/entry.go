package refresh

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"
)

// maxEntry bounds a stored entry; Entra's refresh tokens are one or two KiB.
const maxEntry = 64 << 10

// Entry is a refresh token with where it comes from.
type Entry struct {
	Token string `json:"token"`
	// Seed is the fingerprint of the configuration's value at the time, so that a new value there is noticed.
	Seed string `json:"seed"`
	// Saved is when it was stored.
	Saved time.Time `json:"saved"`
}

// Fingerprint tells values of the configuration apart; that of none is empty.
func Fingerprint(seed string) string {
	if seed == "" {
		return ""
	}
	digest := sha256.Sum256([]byte(seed))
	return hex.EncodeToString(digest[:])
}

var errContent = errors.New("what it holds cannot be used")

func (e Entry) encode() ([]byte, error) {
	plain, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	if !Usable(e.Token) || len(plain) > maxEntry/2 {
		return nil, errors.New("the refresh token is not of a usable form")
	}
	return plain, nil
}

func decode(plain []byte) (Entry, error) {
	var e Entry
	if json.Unmarshal(plain, &e) != nil || !Usable(e.Token) {
		return Entry{}, errContent // the decoder's own error might quote a token
	}
	return e, nil
}

// Usable tells whether text can be a token: visible ASCII, of a sensible length.
func Usable(text string) bool {
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return false
		}
	}
	return text != "" && len(text) < maxEntry/4
}
