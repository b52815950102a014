package token

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func jwtOf(claims string) string {
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
}

func TestClaims(t *testing.T) {
	for name, tt := range map[string]struct {
		token    string
		tenant   string
		roles    []string
		readable bool
	}{
		"roles":        {jwtOf(`{"tid":"ABC","roles":["a","b"]}`), "abc", []string{"a", "b"}, true},
		"scp":          {jwtOf(`{"tid":"abc","scp":"a b"}`), "abc", []string{"a", "b"}, true},
		"one role":     {jwtOf(`{"tid":"abc","roles":"a"}`), "abc", []string{"a"}, true},
		"none":         {jwtOf(`{"tid":"abc"}`), "abc", nil, true},
		"odd types":    {jwtOf(`{"tid":7,"roles":{"a":1},"scp":[]}`), "", nil, true},
		"padded":       {jwtOf(`{"tid":"abc" }`) + "=", "abc", nil, true},
		"opaque":       {"EwBwA8l6BAAU", "", nil, false},
		"encrypted":    {"a.b.c.d.e", "", nil, false},
		"not base64":   {"a.!.c", "", nil, false},
		"not JSON":     {jwtOf(`tid`), "", nil, false},
		"not a object": {jwtOf(`null`), "", nil, false},
		"huge":         {jwtOf(`{"tid":"` + strings.Repeat("a", maxTokenSize) + `"}`), "", nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			got := newToken(tt.token, time.Time{})
			assert.Equal(t, tt.readable, got.readable)
			assert.Equal(t, tt.tenant, got.claims.tenant)
			assert.ElementsMatch(t, tt.roles, got.claims.roles)
			assert.Equal(t, "Bearer "+tt.token, got.Header)
		})
	}
}

func TestPermits(t *testing.T) {
	with, without, opaque := newToken(jwtOf(`{"roles":["a"]}`), noon), newToken(jwtOf(`{}`), noon), newToken("opaque", noon)
	assert.True(t, with.Permits([]string{"b", "a"}), "one of them is enough")
	assert.False(t, with.Permits([]string{"A"}))
	assert.False(t, without.Permits([]string{"a"}))
	assert.True(t, without.Permits(nil))
	assert.True(t, opaque.Permits([]string{"a"}), "what cannot be read is the API's to judge")
}

func FuzzClaims(f *testing.F) {
	f.Add(jwtOf(`{"tid":"abc","roles":["a"],"scp":"b c"}`))
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, value string) {
		got := newToken(value, noon)
		if !got.readable {
			require.True(t, got.Permits([]string{"a"}))
			require.Empty(t, got.claims)
		}
	})
}
