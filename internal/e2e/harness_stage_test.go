package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/api"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

const (
	// patience is what a loaded machine may need, when a quota has to renew itself as well.
	patience = 3 * time.Minute
	rhythm   = 50 * time.Millisecond
)

// tenant is a row of the tenants file.
type tenant struct {
	id, name string
	// more is laid into the row, as YAML's flow style.
	more string
}

// stage is a simulated cloud and a sink, with room for collectors between them. Its files are in dir.
type stage struct {
	t       *testing.T
	binary  string
	dir     string
	cloud   *cloudsim.Cloud
	sink    *sink
	tenants []tenant
	// sources are those that the collector is configured with.
	sources []world.Source
	// env is what the environment of the collector has besides.
	env []string
}

// newStage raises a cloud with n tenants that have consented.
func newStage(t *testing.T, n int) *stage {
	t.Helper()
	s := &stage{
		t: t, binary: builtBinary(t), dir: t.TempDir(), cloud: cloudsim.New(cloudsim.Options{Seed: 1}), sink: newSink(t),
		sources: []world.Source{world.EndpointAlerts, world.GraphAlerts},
	}
	require.NoError(t, s.cloud.Start())
	t.Cleanup(func() { require.NoError(t, s.cloud.Close()) })
	_, err := s.cloud.CAFile(s.dir)
	require.NoError(t, err)
	for i := range n {
		s.tenants = append(s.tenants, newTenant(i))
		s.cloud.AddTenant(s.tenants[i].id, s.tenants[i].name)
	}
	s.list(s.tenants...)
	return s
}

func newTenant(i int) tenant {
	return tenant{id: fmt.Sprintf("aaaaaaaa-0000-4000-8000-%012d", i+1), name: fmt.Sprintf("tenant-%d", i+1)}
}

// customer is the attribute by which a tenant's resource is told from another's.
func (tn tenant) customer() string { return "C-" + tn.name }

// list writes the tenants file.
func (s *stage) list(tenants ...tenant) {
	s.t.Helper()
	rows := "tenants:\n"
	for _, tn := range tenants {
		rows += fmt.Sprintf("  - {id: %s, name: %s, attributes: {customer.id: %s}%s}\n", tn.id, tn.name, tn.customer(), tn.more)
	}
	s.write("tenants.yaml", rows)
}

func (s *stage) write(name, text string) {
	s.t.Helper()
	require.NoError(s.t, os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600))
}

func (s *stage) environment() []string {
	return append(append(os.Environ(), s.env...),
		"E2E_CLOUD="+s.cloud.URL(),
		"E2E_SINK="+s.sink.url(),
		"E2E_CLIENT_ID="+cloudsim.ClientID,
		"E2E_CLIENT_SECRET="+cloudsim.ClientSecret,
		"E2E_DIR="+s.dir,
		"E2E_KEY="+storageKey,
		"E2E_NEXT_KEY="+nextKey,
	)
}

// configs are the arguments that lay texts over the configuration of all tests.
func configs(over ...string) []string {
	args := []string{"--config", filepath.Join("testdata", "collector.yaml")}
	for _, text := range over {
		args = append(args, "--config", "yaml:"+text)
	}
	return args
}

// generate puts n alerts, updated over the last hours, into every tenant.
func (s *stage) generate(n int, over time.Duration) {
	now := time.Now()
	for _, tn := range s.tenants {
		s.cloud.World.Generate(tn.id, n, now.Add(-over), now)
	}
}

// eventually waits for a condition.
func (s *stage) eventually(what string, condition func() bool) {
	s.t.Helper()
	require.Eventually(s.t, condition, patience, rhythm, what)
}

// arrived waits until everything that the tenants show now is in the sink.
func (s *stage) arrived(tenants ...tenant) {
	s.t.Helper()
	missing := s.visible(tenants...)
	total := len(missing)
	s.eventually(fmt.Sprintf("%d alerts", total), func() bool {
		missing = s.sink.missing(missing)
		return len(missing) == 0
	})
}

// visible lists what the tenants show now.
func (s *stage) visible(tenants ...tenant) (versions []version) {
	for _, tn := range tenants {
		for _, source := range s.sources {
			for _, v := range s.cloud.World.Find(tn.id, world.Query{Source: source}) {
				versions = append(versions, versionOf(v))
			}
		}
	}
	return versions
}

// polled waits until every tenant has been asked n more times by every source.
func (s *stage) polled(n int, tenants ...tenant) {
	s.t.Helper()
	before := s.requests()
	s.eventually(fmt.Sprintf("%d polls of %d tenants", n, len(tenants)), func() bool {
		now := s.requests()
		for _, tn := range tenants {
			for _, source := range s.sources {
				if now[api.Asked{Tenant: tn.id, Source: source}] < before[api.Asked{Tenant: tn.id, Source: source}]+n {
					return false
				}
			}
		}
		return true
	})
}

// requests counts the requests that were answered.
func (s *stage) requests() map[api.Asked]int { return s.cloud.API.Counts() }

// withinQuotas fails if Microsoft had refused a request because there were too many.
func (s *stage) withinQuotas() {
	s.t.Helper()
	for _, a := range api.APIs() {
		require.Zero(s.t, s.cloud.API.Violations("", a), "requests of %s beyond the quota", a)
	}
}

// tail is the end of a text, to be shown when a test has failed.
func tail(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
