package e2e_test

import (
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/api"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/entra"
)

// talkative says all there is to say, and opens every page for those who look for faults.
func talkative(metrics, zpages, pprof int) string {
	return fmt.Sprintf(`
extensions: {zpages: {endpoint: "127.0.0.1:%d"}, pprof: {endpoint: "127.0.0.1:%d"}}
service:
  extensions: [entra_auth, file_storage, zpages, pprof]
  telemetry:
    logs: {level: debug}
    traces: {processors: [{simple: {exporter: {console: {}}}}]}
    metrics: {level: detailed, readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: %d}}}}]}`, zpages, pprof, metrics)
}

func TestSecretsAreNowhereToBeSeen(t *testing.T) {
	t.Parallel()
	s := newStage(t, 10)
	s.generate(10, time.Hour)
	certified, rest := &s.tenants[0], s.tenants[1:]
	certified.more = s.certificate()
	for i, trouble := range troubles() {
		trouble.make(s, &rest[i])
	}
	unauthorized := s.tenants[7]
	s.cloud.API.Inject(api.Rule{Tenant: unauthorized.id, Times: 4, Faults: []api.Fault{api.Status(http.StatusUnauthorized)}})
	user, ended := &s.tenants[8], &s.tenants[9]
	seeds := []string{s.delegate(user), s.delegate(ended)}
	s.cloud.Entra.RevokeSignIns(ended.id, 50173)
	s.list(s.tenants...)

	metrics, zpages, pprof := freePort(t), freePort(t), freePort(t)
	over := talkative(metrics, zpages, pprof)
	c := s.start(over, keyed("E2E_KEY", "E2E_NEXT_KEY"))
	s.arrived(*certified, unauthorized, *user)
	s.eventually("the failures", func() bool { return len(c.logged(fails, nil)) >= 2*(len(troubles())+1) })
	s.signIn(ended.name, s.cloud.Entra.SignIn(ended.id, cloudsim.ClientID))
	s.arrived(*ended)
	s.cloud.Entra.SetFault(certified.id, entra.Fault{Body: `{"access_token": "truncated~token`})
	s.cloud.Entra.Revoke(certified.id)
	s.eventually("the failure of a revoked tenant", func() bool { return len(c.logged(fails, line{"tenant": certified.name})) > 0 })

	seen := map[string]string{"metrics": s.get(metrics, "/metrics")}
	for _, page := range []string{"servicez", "pipelinez", "extensionz", "featurez", "tracez"} {
		seen["zpages "+page] = s.get(zpages, "/debug/"+page)
	}
	for _, page := range []string{"goroutine?debug=2", "heap?debug=1", "cmdline"} {
		seen["pprof "+page] = s.get(pprof, "/debug/pprof/"+page)
	}
	c.terminate()
	seen["stdout"], seen["stderr"] = c.stdout.String(), c.stderr.String()
	printed, err := s.run(append([]string{"print-config"}, configs(over, keyed("E2E_KEY", "E2E_NEXT_KEY"))...)...)
	require.NoError(t, err, printed)
	require.Contains(t, printed, cloudsim.ClientID)
	seen["print-config"] = printed
	s.stored(seen)

	require.Contains(t, seen["stderr"], `"level":"debug"`)
	secrets := append(s.cloud.Entra.Issued(), cloudsim.ClientSecret, mistyped, "truncated~token", "PRIVATE KEY", storageKey, nextKey)
	require.Greater(t, len(secrets), 8, "tokens were issued")
	require.Subset(t, secrets, seeds)
	require.Greater(t, s.cloud.Entra.SignIns(user.id), 2, "refresh tokens were rotated")
	require.Contains(t, seen, "storage extension_entra_auth__refresh_tokens")
	for place, text := range seen {
		require.NotEmpty(t, text, place)
		for _, secret := range secrets {
			if i := strings.Index(text, secret); i >= 0 {
				assert.Fail(t, "a secret is to be seen", "%.20s… in %s: %.300s", secret, place, text[max(0, i-150):])
			}
		}
	}
}

// stored adds the files of the storage, which are the collector's user's alone.
func (s *stage) stored(seen map[string]string) {
	s.t.Helper()
	n := 0
	require.NoError(s.t, filepath.WalkDir(filepath.Join(s.dir, "storage"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		require.NoError(s.t, err)
		assert.Equal(s.t, fs.FileMode(0o600), info.Mode().Perm(), path)
		data, err := os.ReadFile(path)
		require.NoError(s.t, err)
		n++
		seen["storage "+entry.Name()] = string(data)
		return nil
	}))
	require.Positive(s.t, n, "there is a storage")
}
