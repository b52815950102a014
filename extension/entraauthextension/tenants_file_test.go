package entraauthextension

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/entra"
)

const (
	rowContoso  = "  - {id: " + contoso + ", name: contoso}\n"
	rowFabrikam = "  - {id: " + fabrikam + ", name: fabrikam}\n"
	rowThird    = "  - {id: aaaaaaaa-0000-4000-8000-000000000003, name: third}\n"
)

// live is an extension with a tenants file, in a synctest bubble, and what is seen of its tenants.
type live struct {
	t    *testing.T
	path string
	logs *observer.ObservedLogs
	ext  *authExtension
	seen []string
}

func inLife(t *testing.T, test func(l *live)) {
	path := filepath.Join(t.TempDir(), "tenants.yaml")
	cfg := load(t, oneSecret+"tenants_file: "+path+"\ntenants:\n"+rowContoso)
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.DebugLevel)
		set := extensiontest.NewNopSettings(typ)
		set.Logger = zap.New(core)
		l := &live{t: t, path: path, logs: logs}
		l.write(rowFabrikam)
		ext, err := newExtension(set, cfg)
		require.NoError(t, err)
		require.NoError(t, ext.Start(t.Context(), componenttest.NewNopHost()))
		l.ext = ext
		stop := ext.Watch(func(list []entraauth.Tenant) {
			l.seen = nil
			for _, tenant := range list {
				l.seen = append(l.seen, tenant.Name)
			}
		})
		test(l)
		stop()
		require.NoError(t, ext.Shutdown(context.Background()))
	})
}

func (l *live) write(rows string) {
	l.t.Helper()
	require.NoError(l.t, os.WriteFile(l.path, []byte("tenants:\n"+rows), 0o600))
}

// shows waits as long as the contract allows.
func (l *live) shows(names ...string) {
	l.t.Helper()
	time.Sleep(5 * time.Second)
	synctest.Wait()
	require.Equal(l.t, names, l.seen)
}

func TestTenantsFileIsFollowed(t *testing.T) {
	inLife(t, func(l *live) {
		l.shows("contoso", "fabrikam")
		l.write(rowFabrikam + rowThird)
		l.shows("contoso", "fabrikam", "third")
		l.write("  - {id: " + fabrikam + ", name: fabrikam, enabled: false}\n" + rowThird)
		l.shows("contoso", "third")
		l.write("  - {id: " + fabrikam + ", name: renamed}\n")
		l.shows("contoso", "renamed")
		l.write("  []\n")
		l.shows("contoso")
		lines := l.logs.FilterMessage("The tenants file was read").All()
		require.Len(t, lines, 4)
		for i, want := range [][3]int64{{1, 0, 0}, {0, 0, 1}, {0, 1, 1}, {0, 1, 0}} {
			fields := lines[i].ContextMap()
			assert.Equal(t, want, [3]int64{fields["added"].(int64), fields["removed"].(int64), fields["changed"].(int64)}, i)
		}
	})
}

func TestBrokenTenantsFileKeepsTheLastGoodList(t *testing.T) {
	inLife(t, func(l *live) {
		for i, rows := range []string{"  - {id: nonsense}\n", rowContoso, rowFabrikam + rowFabrikam, "  - {id", "nothing: here"} {
			l.write(rows)
			l.shows("contoso", "fabrikam")
			l.shows("contoso", "fabrikam")
			require.Equal(t, i+1, l.logs.Len(), "one line for each")
		}
		require.NoError(t, os.Remove(l.path))
		l.shows("contoso", "fabrikam")
		require.Equal(t, 6, l.logs.Len())
		l.write(rowThird)
		l.shows("contoso", "third")
		assert.Equal(t, 7, l.logs.Len())
	})
}

func TestTenantsFileWaitsForItsSecrets(t *testing.T) {
	inLife(t, func(l *live) {
		late := l.path + ".secret"
		l.write("  - {id: " + fabrikam + ", name: own, application: {client_id: " + clientID + ", credentials: [{client_secret: \"${file:" + late + "}\"}]}}\n")
		l.shows("contoso", "fabrikam")
		l.shows("contoso", "fabrikam")
		require.Equal(t, 1, l.logs.Len())
		require.NoError(t, os.WriteFile(late, []byte(secret), 0o600))
		l.shows("contoso", "own")
	})
}

func TestHungReadingDoesNotHoldTheEnd(t *testing.T) {
	inLife(t, func(l *live) {
		hang, reached := make(chan struct{}), false
		stop := l.ext.Watch(func([]entraauth.Tenant) {
			if reached {
				<-hang
			}
			reached = true
		})
		l.write(rowThird)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		began := time.Now()
		require.NoError(t, l.ext.Shutdown(context.Background()))
		require.Equal(t, 5*time.Second, time.Since(began))
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		require.NoError(t, l.ext.Shutdown(ctx), "the host's patience counts where it is shorter")
		require.Equal(t, 6*time.Second, time.Since(began))
		close(hang)
		synctest.Wait()
		stop()
	})
}

func TestBadTenantsFileFailsTheStart(t *testing.T) {
	dir := t.TempDir()
	bad, clash := filepath.Join(dir, "bad.yaml"), filepath.Join(dir, "clash.yaml")
	for path, tt := range map[string]struct{ content, want string }{
		filepath.Join(dir, "missing.yaml"): {"", "no such file"}, bad: {"tenants: [{id: x}]", "id must be"},
		clash: {"tenants:\n" + rowContoso, "is there twice"},
	} {
		cfg := load(t, oneSecret+"tenants_file: "+path+"\ntenants:\n"+rowContoso)
		if tt.content != "" { // which came after the validation
			require.NoError(t, os.WriteFile(path, []byte(tt.content), 0o600))
		}
		ext, err := newExtension(extensiontest.NewNopSettings(typ), cfg)
		require.NoError(t, err)
		err = ext.Start(t.Context(), componenttest.NewNopHost())
		require.ErrorContains(t, err, tt.want)
		require.ErrorContains(t, err, path)
		require.NoError(t, ext.Shutdown(t.Context()))
	}
}

func TestAListThatIsLikelyNotMeantIsWarnedOf(t *testing.T) {
	w := newWorld(t, entra.Options{})
	path := filepath.Join(t.TempDir(), "tenants.yaml")
	rows := func(rows string) []byte { return []byte("tenants:\n" + rows) }
	require.NoError(t, os.WriteFile(path, rows(rowContoso), 0o600))
	w.start(oneSecret + "default_tenant: fabrikam\ndefault_scope: " + graphScope + "\ntenants_file: " + path)
	const absent, empty = "default_tenant is not in the list or not enabled: requests that name no tenant get no token", "No tenant is enabled: nothing is read until one is"
	for i, tt := range []struct {
		rows          string
		absent, empty int
	}{
		{rowContoso, 1, 0},
		{rowContoso + rowFabrikam, 1, 0},
		{rowContoso + "  - {id: " + fabrikam + ", name: fabrikam, enabled: false}\n", 2, 0},
		{"  []\n", 3, 1},
		{"  []\n", 3, 1},
		{rowFabrikam, 3, 1},
	} {
		_, err := w.ext.take(rows(tt.rows))
		require.NoError(t, err)
		require.Equal(t, []int{tt.absent, tt.empty}, []int{w.logged(absent), w.logged(empty)}, i)
	}
	for _, line := range w.logs.FilterMessage(empty).All() {
		assert.Equal(t, zap.WarnLevel, line.Level)
	}
}

func TestOnlyChangedTenantsLoseTheirTokens(t *testing.T) {
	w := newWorld(t, entra.Options{})
	path := filepath.Join(t.TempDir(), "tenants.yaml")
	rows := func(rows string) []byte { return []byte("tenants:\n" + rows) }
	require.NoError(t, os.WriteFile(path, rows(rowContoso+rowFabrikam), 0o600))
	w.start(oneSecret + "tenants_file: " + path)
	ask := func() {
		for _, id := range []string{contoso, fabrikam} {
			_, err := w.get(id)
			require.NoError(t, err)
		}
	}
	ask()
	_, err := w.ext.take(rows(rowThird + rowFabrikam + "  - {id: " + contoso + ", name: contoso, attributes: {a: 1}}\n"))
	require.NoError(t, err)
	ask()
	assert.Equal(t, 2, w.entra.Count(contoso, ""))
	assert.Equal(t, 1, w.entra.Count(fabrikam, ""))

	_, err = w.ext.take(rows(rowContoso))
	require.NoError(t, err)
	_, err = w.get(fabrikam)
	assert.Contains(t, refusal(t, err, entraauth.ReasonUnknownTenant).Error(), "not in the list or not enabled")

	w.entra.SetTenant(entra.Tenant{ID: fabrikam})
	_, err = w.ext.take(rows(rowFabrikam))
	require.NoError(t, err)
	_, err = w.get(fabrikam)
	requireReason(t, err, entraauth.ReasonNotConsented)
	w.entra.SetTenant(entra.Tenant{ID: fabrikam, Consented: true})
	_, err = w.ext.take(rows("  - {id: " + fabrikam + ", name: other}\n"))
	require.NoError(t, err)
	_, err = w.get(fabrikam)
	require.NoError(t, err, "a changed row is asked for at once")
}

func TestUnreadableCertificateOfALaterTenantIsItsOwnFault(t *testing.T) {
	w := newWorld(t, entra.Options{}).start(twoTenants)
	const third = "aaaaaaaa-0000-4000-8000-000000000003"
	_, err := w.ext.take([]byte("tenants:\n  - {id: " + third + ", application: {client_id: " + clientID +
		", credentials: [{certificate_file: /no/such/file}]}}\n"))
	require.NoError(t, err)
	_, err = w.get(third)
	assert.Contains(t, refusal(t, err, entraauth.ReasonCredential).Error(), "/no/such/file")
	_, err = w.get(contoso)
	require.NoError(t, err)
}
