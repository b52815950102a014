package token

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAnswersOfATokenEndpoint(t *testing.T) {
	for text, want := range map[string]time.Duration{
		`{"access_token":"a","expires_in":3599}`:                         3599 * time.Second,
		`{"access_token":"a","expires_in":"3599","expires_on":"1"}`:      3599 * time.Second,
		`{"access_token":"a","expires_in":604800,"refresh_token":"1.A"}`: 7 * 24 * time.Hour,
	} {
		given, err := parseAnswer([]byte(text), noon)
		require.NoError(t, err, text)
		assert.Equal(t, "Bearer a", given.token.Header)
		assert.Equal(t, noon.Add(want), given.token.Expires)
		assert.Equal(t, strings.Contains(text, "refresh"), given.refresh != "")
	}
	for _, text := range []string{
		``, `[]`, `null`, `{}`, `{"access_token":"a"}`, `{"access_token":"a","expires_in":0}`, `{"access_token":"a","expires_in":-1}`,
		`{"access_token":"a","expires_in":604801}`, `{"access_token":"a","expires_in":1e400}`, `{"access_token":"a","expires_in":"soon"}`,
		`{"access_token":"a","expires_in":3.5}`, `{"access_token":"","expires_in":1}`, `{"access_token":"a b","expires_in":1}`,
		`{"access_token":1,"expires_in":1}`, `{"access_token":"ä","expires_in":1}`, `{"access_token":"a","expires_in":1,"refresh_token":"a b"}`,
		`{"access_token":"hunter2","expires_in":1`, `{"access_token":"hunter2","expires_in":"hunter2"}`,
	} {
		_, err := parseAnswer([]byte(text), noon)
		require.Error(t, err, text)
		assert.NotContains(t, err.Error(), "hunter2")
	}
}

func FuzzParseAnswer(f *testing.F) {
	f.Add([]byte(`{"access_token":"a","expires_in":3599,"refresh_token":"1.A"}`))
	f.Add([]byte(`{"access_token":"a","expires_in":"3599"}`))
	f.Add([]byte(`{"access_token":"a\n","expires_in":1e9}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		given, err := parseAnswer(body, noon)
		if err != nil {
			require.Nil(t, given.token)
			return
		}
		require.True(t, given.token.Expires.After(noon) && !given.token.Expires.After(noon.Add(maxLife)))
		require.NotContains(t, given.token.Header+given.refresh, "\n")
	})
}
