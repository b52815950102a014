package e2e_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/api"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/entra"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

const (
	storageKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	nextKey    = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="
)

// keyed has refresh tokens stored, encrypted with the key of a variable, and read with those of others.
func keyed(key string, older ...string) string {
	list := ""
	for _, name := range older {
		list += `"${env:` + name + `}", `
	}
	return `extensions: {entra_auth: {storage: file_storage, storage_encryption_key: "${env:` + key +
		`}", storage_encryption_old_keys: [` + list + `], recheck_interval: 1s}}`
}

// delegate lets a user of the tenant sign in, and returns the refresh token, which the row names by a file.
func (s *stage) delegate(tn *tenant) string {
	s.t.Helper()
	consented := cloudsim.Consented(tn.id)
	consented.Roles = nil
	for resource := range consented.Scopes {
		consented.Scopes[resource] = []string{"Alert.Read.All", "SecurityAlert.Read.All", "Alert.Read"}
	}
	s.cloud.Entra.SetTenant(consented)
	seed := s.cloud.Entra.SignIn(tn.id, cloudsim.ClientID)
	s.seed(tn, seed)
	return seed
}

// seed puts a refresh token into a tenant's row, by a file of its own: the tenants file is what is followed.
func (s *stage) seed(tn *tenant, token string) {
	s.t.Helper()
	name := fmt.Sprintf("%s-%x.token", tn.name, sha256.Sum256([]byte(token)))
	s.write(name, token+"\n")
	tn.more = `, refresh_token: "${file:` + filepath.Join(s.dir, name) + `}"`
}

func TestAUsersSignInOutlivesTheProcess(t *testing.T) {
	t.Parallel()
	s := newStage(t, 2)
	user := &s.tenants[0]
	seed := s.delegate(user)
	s.list(s.tenants...)
	s.generate(5, time.Hour)
	c := s.start(often, keyed("E2E_KEY"))
	s.arrived(s.tenants...)
	c.terminate()

	s.cloud.Entra.RevokeSignIn(seed, 70008) // as its age would
	s.generate(5, time.Minute)
	c = s.start(often, keyed("E2E_KEY"))
	s.arrived(s.tenants...)
	assert.Empty(t, c.logged(fails, nil))
	c.terminate()
	s.arrivedOnce()
	for _, r := range s.cloud.Entra.Requests() {
		if r.Tenant == user.id {
			assert.Equal(t, "refresh_token", r.Grant)
		}
	}
}

func TestAKilledProcessLosesNoSignIn(t *testing.T) {
	t.Parallel()
	s := newStage(t, 1)
	user := &s.tenants[0]
	seed := s.delegate(user)
	s.list(s.tenants...)
	s.generate(5, time.Hour)

	// Entra has rotated the token, and its answer is still on the way.
	s.cloud.Entra.SetFault(user.id, entra.Fault{Lost: true, Times: 1})
	c := s.start(often, keyed("E2E_KEY"))
	s.eventually("a rotation", func() bool { return s.cloud.Entra.Count(user.id, "success") == 1 })
	c.kill()

	// The new one is stored, since the token of the same answer is in use, and nothing else is done yet.
	s.cloud.API.Inject(api.Rule{Tenant: user.id, Faults: []api.Fault{api.Status(http.StatusServiceUnavailable)}})
	c = s.start(often, keyed("E2E_KEY"))
	s.polled(1, *user)
	c.kill()
	s.cloud.API.Heal()
	s.cloud.Entra.RevokeSignIn(seed, 70008)
	c = s.start(often, keyed("E2E_KEY"))
	s.arrived(s.tenants...)
	assert.Empty(t, c.logged(fails, nil))
	c.terminate()
	s.arrivedOnce()
}

func TestTheEncryptionKeyIsReplaced(t *testing.T) {
	t.Parallel()
	s := newStage(t, 1)
	user := &s.tenants[0]
	seed := s.delegate(user)
	s.list(s.tenants...)
	for i, over := range []string{keyed("E2E_KEY"), keyed("E2E_NEXT_KEY", "E2E_KEY"), keyed("E2E_NEXT_KEY")} {
		s.generate(3, time.Minute)
		c := s.start(often, over)
		s.arrived(s.tenants...)
		c.terminate()
		if i == 0 {
			s.cloud.Entra.RevokeSignIn(seed, 70008)
		}
	}
	s.tenants[0].more = ", sign_in: delegated" // so that there is nothing to fall back to
	s.list(s.tenants...)
	c := s.start(often, keyed("E2E_KEY"))
	of := line{"tenant": user.name, "reason": "storage"}
	s.eventually("the wrong key is named", func() bool { return len(c.logged(fails, of)) > 0 })
	assert.Contains(t, c.logged(fails, of)[0].text("error"), "neither storage_encryption_key nor one of storage_encryption_old_keys")
	assert.Contains(t, c.logged(fails, of)[0].text("action"), "the provider must put back the key")
	c.terminate()
}

func TestAnEndedSignInIsRenewedWhileItRuns(t *testing.T) {
	t.Parallel()
	s := newStage(t, 3)
	byRow, byCommand, healthy := &s.tenants[0], &s.tenants[1], s.tenants[2]
	s.delegate(byRow)
	s.delegate(byCommand)
	s.list(s.tenants...)
	s.generate(5, time.Hour)
	for _, tn := range []*tenant{byRow, byCommand} {
		s.cloud.Entra.RevokeSignIns(tn.id, 50173)
	}
	c := s.start(often, keyed("E2E_KEY"))
	s.arrived(healthy)
	for _, tn := range []*tenant{byRow, byCommand} {
		of := line{"tenant": tn.name, "reason": "sign_in_required"}
		s.eventually("the end of the sign-in is said", func() bool { return len(c.logged(fails, of)) == len(s.sources) })
		assert.Contains(t, c.logged(fails, of)[0].text("action"), "a user of the customer must sign in again")
		assert.Contains(t, c.logged(fails, of)[0].text("error"), "AADSTS50173")
	}
	s.seed(byRow, s.cloud.Entra.SignIn(byRow.id, cloudsim.ClientID))
	s.list(s.tenants...)
	s.signIn(byCommand.name, s.cloud.Entra.SignIn(byCommand.id, cloudsim.ClientID))
	s.arrived(s.tenants...)
	s.eventually("that they work again is said", func() bool { return len(c.logged("works again", nil)) >= 2*len(s.sources) })
	c.terminate()
	s.arrivedOnce()
}

// signIn stores a refresh token as the command does, in another process than the collector's, which has the same storage.
func (s *stage) signIn(tenantName, token string) {
	s.t.Helper()
	ctx := s.t.Context()
	factory := filestorage.NewFactory()
	settings := extensiontest.NewNopSettings(factory.Type())
	cfg := factory.CreateDefaultConfig().(*filestorage.Config)
	cfg.Directory = filepath.Join(s.dir, "storage")
	files, err := factory.Create(ctx, settings, cfg)
	require.NoError(s.t, err)
	host := extensions{component.NewID(factory.Type()): files}
	require.NoError(s.t, files.Start(ctx, host))
	defer func() { require.NoError(s.t, files.Shutdown(context.Background())) }()

	own := entraauthextension.NewFactory()
	storage := component.NewID(factory.Type())
	auth := own.CreateDefaultConfig().(*entraauthextension.Config)
	auth.Application = &entraauthextension.ApplicationConfig{
		ClientID: cloudsim.ClientID, Credentials: []entraauthextension.CredentialConfig{{ClientSecret: cloudsim.ClientSecret}},
	}
	auth.TenantsFile, auth.Storage, auth.StorageEncryptionKey = filepath.Join(s.dir, "tenants.yaml"), &storage, storageKey
	command := entraauthextension.SignIn{
		ID: component.NewID(own.Type()), Config: auth, Host: host, Settings: settings.TelemetrySettings,
	}
	require.NoError(s.t, command.Store(ctx, tenantName, configopaque.String(token)))
}

// extensions are those of a host.
type extensions map[component.ID]component.Component

func (e extensions) GetExtensions() map[component.ID]component.Component { return e }

// TestASecondProcessSignsInUnderLoad writes again and again where the collector does.
func TestASecondProcessSignsInUnderLoad(t *testing.T) {
	t.Parallel()
	s := newStage(t, 6)
	for i := range s.tenants {
		s.delegate(&s.tenants[i])
	}
	s.list(s.tenants...)
	s.generate(3, time.Hour)
	c := s.start(often, keyed("E2E_KEY"))
	s.arrived(s.tenants...)
	for range 5 {
		for _, tn := range s.tenants {
			s.signIn(tn.name, s.cloud.Entra.SignIn(tn.id, cloudsim.ClientID))
			s.cloud.Entra.Revoke(tn.id) // so that the collector needs a token as well
		}
	}
	s.cloud.World.Put(s.tenants[0].id, world.Alert{})
	s.polled(2, s.tenants...)
	s.arrived(s.tenants...)
	assert.Empty(t, c.logged(fails, line{"reason": "storage"}))
	c.terminate()
	s.arrivedOnce()
}

// TestADamagedFileOfRefreshTokensIsNamed damages what one tenant's sign-in is kept in; the others do not notice.
func TestADamagedFileOfRefreshTokensIsNamed(t *testing.T) {
	t.Parallel()
	s := newStage(t, 2)
	user, healthy := &s.tenants[0], s.tenants[1]
	s.delegate(user)
	s.list(s.tenants...)
	s.generate(3, time.Hour)
	c := s.start(often, keyed("E2E_KEY"))
	s.arrived(s.tenants...)
	c.terminate()
	path := filepath.Join(s.dir, "storage", "extension_entra_auth__refresh_tokens")
	require.NoError(t, os.WriteFile(path, bytes.Repeat([]byte("garbage "), 4096), 0o600))
	s.generate(1, time.Minute)
	c = s.start(often, keyed("E2E_KEY"))
	s.arrived(healthy)
	of := line{"tenant": user.name, "reason": "storage"}
	s.eventually("the damage is named", func() bool { return len(c.logged(fails, of)) == 2 }) // by each source
	assert.Contains(t, c.logged(fails, of)[0].text("action"), "the provider must mend the storage")
	assert.Empty(t, c.logged(fails, line{"tenant": healthy.name}))
	assert.Len(t, c.logged("Opening the refresh tokens in storage", nil), 1)
	c.terminate()
	require.NoError(t, os.Remove(path))
	c = s.start(often, keyed("E2E_KEY"))
	s.arrived(s.tenants...)
	c.terminate()
	s.arrivedOnce()
}
