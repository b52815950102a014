package entraauthextension

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRegistrationsNameApplicationAndAuthorityOfEachTenant(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tenants.yaml")
	require.NoError(t, os.WriteFile(path, []byte(`tenants:
  - {id: AAAAAAAA-0000-4000-8000-000000000002, name: agency, cloud: usgov_gcc_high}
  - {id: aaaaaaaa-0000-4000-8000-000000000003, enabled: false}
  - id: aaaaaaaa-0000-4000-8000-000000000004
    application: {client_id: 22222222-2222-2222-2222-222222222222, credentials: [{client_secret: other}]}
`), 0o600))
	cfg := load(t, oneSecret+`
tenants: [{id: 72f988bf-86f1-41af-91ab-2d7cd011db47, name: contoso, attributes: {customer.id: C-17}}]
tenants_file: `+path)
	list, err := cfg.Registrations()
	require.NoError(t, err)
	require.Len(t, list, 3, "a disabled tenant is not in it")

	assert.Equal(t, "contoso", list[0].Tenant.Name)
	assert.Equal(t, "C-17", list[0].Tenant.Attributes["customer.id"])
	assert.Equal(t, clientID, list[0].ClientID)
	assert.Equal(t, "https://login.microsoftonline.com", list[0].Authority)
	assert.Equal(t, fabrikam, list[1].Tenant.ID)
	assert.Equal(t, "usgov_gcc_high", list[1].Tenant.Cloud)
	assert.Equal(t, "https://login.microsoftonline.us", list[1].Authority)
	assert.Equal(t, "22222222-2222-2222-2222-222222222222", list[2].ClientID)

	cfg.AuthorityHost = "https://login.example/"
	list, err = cfg.Registrations()
	require.NoError(t, err)
	assert.Equal(t, "https://login.example", list[1].Authority)

	require.NoError(t, os.WriteFile(path, []byte("tenants: [{id: x}]"), 0o600))
	_, err = cfg.Registrations()
	require.ErrorContains(t, err, path)
	require.NoError(t, os.Remove(path))
	_, err = cfg.Registrations()
	require.ErrorIs(t, err, os.ErrNotExist)
}
