package refresh

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// keyOf is the key whose bytes are all the same.
func keyOf(b byte) string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, keySize)) }

func keysOf(tb testing.TB, newest byte, older ...byte) *Keys {
	tb.Helper()
	var texts []string
	for _, b := range older {
		texts = append(texts, keyOf(b))
	}
	k, err := NewKeys(keyOf(newest), texts...)
	require.NoError(tb, err)
	return k
}

func TestWhatIsSealedOpensWithItsKeyAlone(t *testing.T) {
	sealed := keysOf(t, 1).seal([]byte("hunter2"), "tenant/client")
	assert.NotContains(t, string(sealed), "hunter2")
	for _, keys := range []*Keys{keysOf(t, 1), keysOf(t, 2, 3, 1)} {
		plain, err := keys.open(sealed, "tenant/client")
		require.NoError(t, err)
		assert.Equal(t, "hunter2", string(plain))
	}
	_, err := keysOf(t, 2, 3).open(sealed, "tenant/client")
	require.ErrorIs(t, err, errKey)
	_, err = keysOf(t, 1).open(sealed, "other/client")
	require.ErrorIs(t, err, errDamaged, "no entry passes for another's")
	other := bytes.Clone(sealed)
	other[0] = 2
	_, err = keysOf(t, 1).open(other, "tenant/client")
	require.ErrorContains(t, err, "another version of the program (format 2)")
	assert.NotEqual(t, sealed, keysOf(t, 1).seal([]byte("hunter2"), "tenant/client"), "a nonce is never used twice")
}

func TestEveryChangeIsNoticed(t *testing.T) {
	keys := keysOf(t, 1)
	sealed := keys.seal([]byte("hunter2"), "tenant/client")
	for i := range sealed {
		damaged := bytes.Clone(sealed)
		damaged[i] ^= 1
		_, err := keys.open(damaged, "tenant/client")
		require.Error(t, err, i)
		_, err = keys.open(sealed[:i], "tenant/client")
		require.Error(t, err, i)
	}
	_, err := keys.open(append(sealed, 0), "tenant/client")
	require.ErrorIs(t, err, errDamaged)
}

func TestKeysAreOf32BytesInBase64(t *testing.T) {
	require.NoError(t, CheckKey(keyOf(7)))
	require.NoError(t, CheckKey(" "+keyOf(7)+"\n"))
	for _, text := range []string{"", "hunter2", strings.Repeat("a", 32), base64.StdEncoding.EncodeToString(make([]byte, 31)), keyOf(7)[1:]} {
		err := CheckKey(text)
		require.ErrorIs(t, err, ErrKeyFormat, text)
		assert.NotContains(t, err.Error(), "hunter2")
	}
	_, err := NewKeys(keyOf(1), "hunter2")
	require.ErrorIs(t, err, ErrKeyFormat)
}

// FuzzOpen is given what a storage may hold.
func FuzzOpen(f *testing.F) {
	keys := keysOf(f, 1)
	f.Add(keys.seal([]byte(`{"token":"1.A","seed":"","saved":"2026-11-25T12:00:00Z"}`), "tenant/client"))
	f.Add([]byte{version})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, sealed []byte) {
		plain, err := keys.open(sealed, "tenant/client")
		if err == nil {
			require.NotNil(t, append(plain, 0))
		}
	})
}

// FuzzDecode is given what an entry may hold.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"token":"1.A","seed":"x","saved":"2026-11-25T12:00:00Z"}`))
	f.Add([]byte(`{"token":"a b"}`))
	f.Add([]byte(`[`))
	f.Fuzz(func(t *testing.T, plain []byte) {
		e, err := decode(plain)
		if err != nil {
			require.Equal(t, Entry{}, e)
			return
		}
		require.True(t, Usable(e.Token))
	})
}
