package entraauth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOriginHasOneSpelling(t *testing.T) {
	for text, want := range map[string]string{
		"https://graph.microsoft.com/v1.0/x?y=z":  "https://graph.microsoft.com",
		"HTTPS://Graph.Microsoft.COM:443/":        "https://graph.microsoft.com",
		"https://graph.microsoft.com:444":         "https://graph.microsoft.com:444",
		"http://127.0.0.1:80":                     "http://127.0.0.1",
		"http://127.0.0.1:443":                    "http://127.0.0.1:443",
		"https://[::1]:8443/x":                    "https://[::1]:8443",
		"https://user:password@graph.example/":    "https://graph.example",
		"https://graph.microsoft.com.evil.test/":  "https://graph.microsoft.com.evil.test",
		"https://graph.microsoft.com@evil.test/x": "https://evil.test",
	} {
		u, err := url.Parse(text)
		require.NoError(t, err)
		assert.Equal(t, want, Origin(u), text)
	}
}

func TestPrivate(t *testing.T) {
	for text, want := range map[string]bool{
		"https://graph.microsoft.com": true,
		"http://localhost:1234":       true,
		"http://127.0.0.1:1234":       true,
		"http://127.1.2.3":            true,
		"http://[::1]:1234":           true,
		"http://graph.microsoft.com":  false,
		"http://localhost.evil.test":  false,
		"http://10.0.0.1":             false,
		"ftp://localhost":             false,
	} {
		u, err := url.Parse(text)
		require.NoError(t, err)
		assert.Equal(t, want, Private(u), text)
	}
}

func TestContextCarriesTheRequest(t *testing.T) {
	_, ok := FromContext(context.Background())
	assert.False(t, ok)
	want := &Request{TenantID: "t", Scope: "s", Origin: "https://o", Roles: []string{"r"}}
	got, ok := FromContext(NewContext(context.Background(), want))
	assert.True(t, ok)
	assert.Same(t, want, got)
}

func TestErrorIsOneLineAndSurvivesWrapping(t *testing.T) {
	cause := errors.New("no such application")
	err := fmt.Errorf("polling: %w", &Error{
		Reason: ReasonNotConsented, Code: "AADSTS700016", Err: cause, Advice: "the customer must consent",
	})
	found, ok := errors.AsType[*Error](err)
	require.True(t, ok)
	require.ErrorIs(t, err, cause)
	assert.Equal(t, "not_consented (AADSTS700016): no such application: the customer must consent", found.Error())
	assert.Equal(t, "transient", (&Error{Reason: ReasonTransient}).Error())
}
