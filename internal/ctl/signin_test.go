package ctl_test

import (
	"context"
	"html"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/entra"
)

// storageKey is 32 bytes in base64.
const storageKey = "c2ltdWxhdGVkIGtleSBvZiAzMiBieXRlcyBmb3IgdXM="

// delegated is a stage with a tenant whose user signs in.
func delegated(t *testing.T) (s *stage, args []string) {
	t.Helper()
	s = newStage(t, cloudsim.Options{})
	s.cloud.AddTenant(contoso, "contoso")
	t.Setenv("CTL_STORAGE_KEY", storageKey)
	config := s.configWith("\nstorage: file_storage\nstorage_encryption_key: ${env:CTL_STORAGE_KEY}", row(contoso, "contoso", "sign_in: delegated"))
	return s, []string{"--config", config, "--tenant", "contoso"}
}

func (s *stage) doctor(args []string) result {
	return s.run(append([]string{"doctor", "--source", "graph_alerts"}, args...)...)
}

func TestAUserSignsInAndTheCollectorReads(t *testing.T) {
	s, args := delegated(t)
	before := s.doctor(args)
	assert.Equal(t, 1, before.status)
	assert.Contains(t, before.stdout, "sign_in_required")
	assert.Contains(t, before.stdout, "defenderctl sign-in")

	v := s.visit(t.Context(), append([]string{"sign-in", "--verbose"}, args...)...)
	link := v.links(1)[0]
	u, err := url.Parse(link)
	require.NoError(t, err)
	assert.Equal(t, "/"+contoso+"/oauth2/v2.0/authorize", u.Path)
	assert.Equal(t, "S256", u.Query().Get("code_challenge_method"))
	assert.Equal(t, "https://api.securitycenter.microsoft.com/.default offline_access", u.Query().Get("scope"), "one resource, whose refresh token is good for the others")

	status, page := v.open(link)
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, page, "Signed in")
	require.Zero(t, v.end(), v.stderr)
	golden(t, "sign-in.txt", s.stable(v.stdout.String()))

	after := s.doctor(args)
	assert.Zero(t, after.status, after.stdout)
	assert.Contains(t, after.stdout, "SecurityAlert.Read.All (user)")
	s.stored()
}

// stored fails if the storage is others' to read, or has a token in the clear.
func (s *stage) stored() {
	n := 0
	require.NoError(s.t, filepath.WalkDir(filepath.Join(s.dir, "storage"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		n++
		info, err := entry.Info()
		require.NoError(s.t, err)
		assert.Equal(s.t, fs.FileMode(0o600), info.Mode().Perm())
		data, err := os.ReadFile(path)
		require.NoError(s.t, err)
		s.said = append(s.said, string(data))
		return nil
	}))
	assert.Positive(s.t, n)
}

func TestSignInThatFails(t *testing.T) {
	tests := map[string]struct {
		user entra.User
		make func(*stage)
		want string
	}{
		"declined": {user: entra.User{Declines: true}, want: "AADSTS65004"},
		"the application's secret is refused": {
			make: func(s *stage) {
				s.cloud.Entra.SetApp(entra.App{ClientID: cloudsim.ClientID, Secrets: []string{"renewed"}, RedirectURIs: []string{"http://localhost"}})
			}, want: "AADSTS7000215",
		},
		"a token of another tenant": {
			make: func(s *stage) {
				tenant := cloudsim.Consented(contoso)
				tenant.TokenTenant = fabrikam
				s.cloud.Entra.SetTenant(tenant)
			}, want: "the token is not of this tenant",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s, args := delegated(t)
			if tt.make != nil {
				tt.make(s)
			}
			s.cloud.Entra.SetUser(contoso, tt.user)
			v := s.visit(t.Context(), append([]string{"sign-in"}, args...)...)
			status, page := v.open(v.links(1)[0])
			assert.Equal(t, http.StatusBadRequest, status)
			assert.Contains(t, html.UnescapeString(page), tt.want)
			assert.Equal(t, 1, v.end())
			assert.Contains(t, v.stderr.String(), tt.want)
			assert.Equal(t, 1, s.doctor(args).status, "nothing was stored that works")
		})
	}
}

// What a stranger sends ends nothing, and what Entra says cannot write into the page.
func TestSignInTakesItsOwnAnswerOnly(t *testing.T) {
	s, args := delegated(t)
	v := s.visit(t.Context(), append([]string{"sign-in"}, args...)...)
	link := v.links(1)[0]
	place := v.place(link)
	for _, query := range []url.Values{
		{}, {"code": {"stolen"}}, {"code": {"stolen"}, "state": {"guessed"}}, {"error": {"access_denied"}, "state": {""}},
	} {
		place.RawQuery = query.Encode()
		status, _ := v.open(place.String())
		assert.Equal(t, http.StatusBadRequest, status)
	}
	favicon := *place
	favicon.Path, favicon.RawQuery = "/favicon.ico", ""
	status, _ := v.open(favicon.String())
	assert.Equal(t, http.StatusNotFound, status)
	req, err := http.NewRequest(http.MethodGet, place.String(), nil)
	require.NoError(t, err)
	req.Host = "attacker.example"
	resp, err := v.browser.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, http.StatusNotFound, resp.StatusCode, "a name that leads here is none of ours")

	u, err := url.Parse(link)
	require.NoError(t, err)
	place.RawQuery = url.Values{
		"state": {u.Query().Get("state")}, "error": {"access_denied"}, "error_description": {"<script>alert(1)</script>\x1b[31m"}, "code": {"stolen"},
	}.Encode()
	_, page := v.open(place.String())
	assert.NotContains(t, page, "<script>")
	assert.Contains(t, page, "&lt;script&gt;")
	assert.Equal(t, 1, v.end())
	assert.NotContains(t, v.stderr.String(), "\x1b")
	assert.Zero(t, s.cloud.Entra.Count(contoso, ""), "an error goes first")
}

func TestSignInEndsAtItsTimeAndAtCtrlC(t *testing.T) {
	s, args := delegated(t)
	v := s.visit(t.Context(), append([]string{"sign-in", "--timeout", "1ms"}, args...)...)
	assert.Equal(t, 1, v.end())
	assert.Contains(t, v.stderr.String(), "nobody came back from the link in time")

	ctx, interrupt := context.WithCancel(t.Context())
	v = s.visit(ctx, append([]string{"sign-in"}, args...)...)
	_ = v.links(1)
	interrupt()
	assert.Equal(t, 130, v.end())
}

func TestSignInOpensTheBrowserOnlyIfAsked(t *testing.T) {
	s, args := delegated(t)
	opened := make(chan string, 1)
	s.open = func(_ context.Context, link string) error {
		opened <- link
		return os.ErrNotExist
	}
	v := s.visit(t.Context(), append([]string{"sign-in", "--open"}, args...)...)
	link := v.links(1)[0]
	assert.Equal(t, link, <-opened)
	_, _ = v.open(link)
	require.Zero(t, v.end())
	assert.Contains(t, v.stderr.String(), "open the link yourself")
	assert.Contains(t, v.stdout.String(), link)
}
