package tenants

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configopaque"
)

const full = `
# the customers
tenants:
  - id: 72f988bf-86f1-41af-91ab-2d7cd011db47
    name: ${env:NAME_OF_TENANT}
    enabled: false
    cloud: usgov_gcc_high
    attributes: {customer.id: C-17, soc.tier: 3, vip: true, share: 0.5}
    application:
      client_id: 22222222-2222-2222-2222-222222222222
      credentials:
        - client_secret: ${env:TEST_TENANT_SECRET}
        - certificate_file: ${env:HOME}/app.pfx
          certificate_password: ${file:PASSWORD}
        - federated_token_file: /token
        - managed_identity: {client_id: 33333333-3333-3333-3333-333333333333}
  - id: aaaaaaaa-0000-4000-8000-000000000002
`

func TestParse(t *testing.T) {
	password := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(password, []byte("pa$$word\n"), 0o600))
	t.Setenv("TEST_TENANT_SECRET", "${env:HOME} $$ secret")
	rows, err := Parse([]byte(strings.ReplaceAll(full, "PASSWORD", password)))
	require.NoError(t, err)
	require.Len(t, rows, 2)
	row := rows[0]
	assert.False(t, row.IsEnabled())
	assert.True(t, rows[1].IsEnabled())
	assert.Equal(t, "${env:NAME_OF_TENANT}", row.Name, "only secrets are expanded")
	assert.Equal(t, map[string]any{"customer.id": "C-17", "soc.tier": int64(3), "vip": true, "share": 0.5}, row.Tenant("").Attributes)
	credentials := row.Application.Credentials
	require.Len(t, credentials, 4)
	assert.Equal(t, "${env:HOME} $$ secret", string(credentials[0].ClientSecret), "and what they expand to is not expanded again")
	assert.Equal(t, "${env:HOME}/app.pfx", credentials[1].CertificateFile)
	assert.Equal(t, "pa$$word", string(credentials[1].CertificatePassword))
	assert.Equal(t, "/token", credentials[2].FederatedTokenFile)
	assert.Equal(t, "33333333-3333-3333-3333-333333333333", credentials[3].ManagedIdentity.ClientID)
}

func TestExpand(t *testing.T) {
	t.Setenv("TEST_SET", "value")
	for in, want := range map[string]string{
		"plain": "plain", "a${env:TEST_SET}b": "avalueb", "${env:TEST_UNSET:-other}": "other", "$$x": "$x", "$${env:TEST_SET}": "${env:TEST_SET}",
		"${TEST_SET}": "${TEST_SET}", "$": "$",
	} {
		got, err := expand(in)
		require.NoError(t, err, in)
		assert.Equal(t, want, got, in)
	}
	for in, want := range map[string]string{"${env:TEST_UNSET}": "environment variable TEST_UNSET is not set", "${env:s3cret}": "the environment variable it names is not set", "${file:/no/such/file}": "/no/such/file"} {
		_, err := expand(in)
		require.ErrorContains(t, err, want)
	}
}

func TestBadFiles(t *testing.T) {
	row := "tenants:\n  - id: 72f988bf-86f1-41af-91ab-2d7cd011db47\n    "
	credential := row + "application: {client_id: 22222222-2222-2222-2222-222222222222, credentials: [{"
	for name, tt := range map[string]struct{ text, want string }{
		"empty":          {"", "tenants must be a list"},
		"comment":        {"# nothing", "tenants must be a list"},
		"null":           {"tenants:", "tenants must be a list"},
		"scalar":         {"tenants: 3", "tenants must be a list"},
		"no map":         {"- a", "not valid YAML"},
		"text":           {"half a fil", "not valid YAML"},
		"syntax":         {"tenants: [", "not valid YAML at line"},
		"twice the key":  {"tenants: []\ntenants: []", "not valid YAML at line"},
		"unknown at top": {"tenants: []\nother: 1", "other"},
		"unknown in row": {row + "nom: x", "nom"},
		"unknown, row":   {row + "? 1.AXsecret", "tenants::0 holds a key that is unknown, or a colon is missing: it takes id, name"},
		"refresh token":  {row + "refresh_token: ''", "tenants::0: refresh_token is empty"},
		"no token":       {row + "refresh_token:", "tenants::0: refresh_token is empty"},
		"spaces in it":   {row + "refresh_token: 'a b'", "tenants::0: refresh_token must be the refresh token alone"},
		"needless token": {row + "sign_in: application\n    refresh_token: x", "refresh_token is for tenants that sign in by a user"},
		"sign in":        {row + "sign_in: me", "sign_in must be application or delegated"},
		"unset refresh":  {row + "refresh_token: ${env:TEST_UNSET}", "tenants::0::refresh_token: environment variable TEST_UNSET is not set"},
		"unknown deep":   {credential + "secret: x}]}", "tenants::0::application::credentials::0 holds a key that is unknown, or a colon is missing: it takes client_secret"},
		"unknown, app":   {row + "application: {id: x}", "tenants::0::application holds a key that is unknown, or a colon is missing: it takes client_id, credentials"},
		"unknown, id":    {credential + "managed_identity: {id: x}}]}", "credentials::0::managed_identity holds a key"},
		"two documents":  {"tenants: []\n---\n" + row, "more than one YAML document"},
		"second empty":   {"tenants: []\n---\n", "more than one YAML document"},
		"second broken":  {"tenants: []\n---\n[", "not valid YAML at line"},
		"wrong type":     {row + "enabled: maybe", "enabled"},
		"bad id":         {"tenants: [{id: x}]", "tenants::0: id must be"},
		"no credentials": {row + "application: {client_id: 22222222-2222-2222-2222-222222222222}", "credentials must hold"},
		"two kinds":      {credential + "client_secret: a, federated_token_file: b}]}", "exactly one"},
		"unset variable": {credential + `client_secret: "${env:TEST_UNSET}"}]}`, "tenants::0::application::credentials::0::client_secret"},
		"date":           {row + "attributes: {since: 2026-01-02}", "a date in quotes"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(tt.text))
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestOneDocumentMayHaveItsMarks(t *testing.T) {
	for _, text := range []string{"---\ntenants: []\n", "---\ntenants: []\n...\n", "tenants: []\n# the end\n"} {
		_, err := Parse([]byte(text))
		require.NoError(t, err, text)
	}
}

func TestErrorsDoNotQuoteSecrets(t *testing.T) {
	start := "tenants:\n  - id: 72f988bf-86f1-41af-91ab-2d7cd011db47\n    application: {client_id: x, credentials: [{client_secret: "
	for _, secret := range []string{
		"*hunter2}]}", "&hunter2 x}]}", "77712345678}]}", "[hunter2]}]}", "{hunter2: 1}}]}", "!hunter2 x}]}", "@hunter2}]}", "\"hunter2\n\thunter2", "hunter2, b: c}]}",
		"a}, {client_secret hunter2}]}", "a}, {3: hunter2}]}", "a}, {7771234hunter2}]}", "a}, {managed_identity: {hunter2}}]}", "a}], client_secret hunter2}",
		"'${env:hunter2}'}]}", "'${env:HUNTER2!hunter2}'}]}", "'${env:hunter2 }'}]}", "a}, {? [hunter2] : 1}]}", "a}, {true: hunter2, hunter2: x}]}",
	} {
		_, err := Parse([]byte(start + secret))
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "hunter2", secret)
		assert.NotContains(t, err.Error(), "77712345678")
	}
	row := "tenants:\n  - id: 72f988bf-86f1-41af-91ab-2d7cd011db47\n    refresh_token"
	for _, secret := range []string{
		": [hunter2]", ": {hunter2: 1}", ": *hunter2", ": \"hunter2\n\thunter2", ": hunter2 hunter2", ": '${env:hunter2}'", " hunter2: x",
		": |\n      hunter2\n      hunter2", ": 77712345678.5e3 hunter2",
	} {
		_, err := Parse([]byte(row + secret))
		require.Error(t, err, secret)
		assert.NotContains(t, err.Error(), "hunter2", secret)
	}
}

func TestRefreshTokenImpliesADelegatedSignIn(t *testing.T) {
	t.Setenv("TEST_SET", "value")
	rows, err := Parse([]byte("tenants:\n  - {id: 72f988bf-86f1-41af-91ab-2d7cd011db47, refresh_token: '${env:TEST_SET}'}\n" +
		"  - {id: 72f988bf-86f1-41af-91ab-2d7cd011db48, sign_in: delegated}\n  - {id: 72f988bf-86f1-41af-91ab-2d7cd011db49}\n"))
	require.NoError(t, err)
	assert.Equal(t, []string{"value", "", ""}, []string{rows[0].Seed(), rows[1].Seed(), rows[2].Seed()})
	assert.Equal(t, []bool{true, true, false}, []bool{rows[0].IsDelegated(), rows[1].IsDelegated(), rows[2].IsDelegated()})
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v", rows[0], rows[0], *rows[0].RefreshToken), "value")
	other := rows[0]
	next := configopaque.String("other")
	other.RefreshToken = &next
	assert.False(t, Same(&rows[0], &other))
}

func TestReadFileIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "large")
	file, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, file.Truncate(maxFileSize+1))
	require.NoError(t, file.Close())
	_, err = ReadFile(path)
	require.ErrorContains(t, err, "larger than")
	_, err = ReadFile(path + "missing")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(full))
	f.Add([]byte("tenants: []"))
	f.Add([]byte("tenants: [{id: x, ? [a] : b}]"))
	f.Add([]byte("a: &a [1]\ntenants: [*a, *a]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if strings.Contains(string(data), "${file:") {
			t.Skip() // the fuzzer must not read files of its choice
		}
		rows, err := Parse(data)
		if err != nil {
			require.Empty(t, rows)
			return
		}
		for i := range rows {
			require.NoError(t, rows[i].Validate())
			_ = rows[i].Tenant("public")
		}
		require.False(t, Compare(rows, rows).Changed > 0 && Check(rows, true) == nil)
	})
}
