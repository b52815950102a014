package e2e_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// soakTime is how long the soak lasts: OTELCOL_DEFENDER_SOAK, as `make soak` sets it, or short enough for every run.
func soakTime(t *testing.T) time.Duration {
	t.Helper()
	long, err := time.ParseDuration(cmp.Or(os.Getenv("OTELCOL_DEFENDER_SOAK"), "20s"))
	require.NoError(t, err, "OTELCOL_DEFENDER_SOAK takes a duration, such as 30m")
	return long
}

// soaking is a collector in a world in which everything goes wrong all the time.
type soaking struct {
	*stage
	c      *collector
	pprof  int
	random *rand.Rand
	listed map[string]tenant // those in the tenants file now
	done   map[string]int    // what was done, how often
	sizes  []size
}

// TestSoak lets everything go wrong at random, and requires that the collector then is what it was: its ledger equal to
// the cloud's, its memory, goroutines and files no more than before.
func TestSoak(t *testing.T) {
	long := soakTime(t)
	n := 40
	if long >= 5*time.Minute {
		n = 300
	}
	s := &soaking{
		stage: newStage(t, n), pprof: freePort(t), random: rand.New(rand.NewPCG(uint64(long), 1)),
		listed: map[string]tenant{}, done: map[string]int{},
	}
	for _, tn := range s.tenants {
		s.listed[tn.id] = tn
	}
	sources := s.configured(map[world.Source]string{world.GraphIncidents: "", world.XDRIncidents: "", world.SIEMAlerts: ""})
	s.generate(20, time.Hour)
	s.c = s.start(sources, fmt.Sprintf(`
extensions: {pprof: {endpoint: "127.0.0.1:%d"}, entra_auth: {recheck_interval: 2s}}
receivers: {defender: {poll_interval: 10s, timeout: 3s, initial_lookback: 48h}}
exporters: {otlp_http: {timeout: 5s}}
service: {extensions: [entra_auth, file_storage, pprof]}`, s.pprof))
	s.arrived(s.tenants...)
	s.polled(1, s.tenants...)
	before := s.measure()

	stop := s.live(world.Life{Interval: 40 * time.Millisecond, New: 0.5, Late: 0.1, LateBy: 3 * time.Second, Burst: 0.02, Merge: 0.05})
	s.rage(long)
	s.calm()
	stop()
	s.arrived(s.tenants...)
	s.polled(2, s.tenants...)
	after := s.measure()
	s.c.terminate()

	s.sameLedger()
	s.flat(before, after)
	s.report(long)
}

// rage does something bad several times a second, looks at the collector's size now and then, and has it reload.
func (s *soaking) rage(long time.Duration) {
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	evils, end := s.evils(), time.Now().Add(long)
	looks, reloads := time.Now(), time.Now().Add(long/4)
	for now := time.Now(); now.Before(end); now = <-ticker.C {
		evil := evils[s.random.IntN(len(evils))]
		evil.do()
		s.done[evil.name]++
		if now.After(looks) {
			s.sizes = append(s.sizes, s.measure())
			looks = now.Add(max(long/200, time.Second))
		}
		if now.After(reloads) {
			s.reload()
			reloads = now.Add(max(long/5, 30*time.Second))
		}
		require.True(s.t, s.c.alive(), "the collector ended by itself")
	}
}

// sameLedger requires that what arrived is what there was, and that nothing came twice: it was never killed.
func (s *soaking) sameLedger() {
	s.t.Helper()
	a := s.audit(s.sink.all())
	s.t.Logf("%d incidents without some of their alerts", s.forgive(a))
	a.genuine()
	a.once()
	replaced := a.replaced()
	a.complete(func(v *world.Version) bool { _, gone := replaced[v]; return !gone })
	s.withinQuotas()
	assert.Empty(s.t, s.strays(), "requests elsewhere that carried a token")
}

// forgive completes incidents of which alerts could not be read, as faults may have it, and counts them.
func (s *soaking) forgive(a *audit) (n int) {
	for i := range a.alerts {
		got := &a.alerts[i]
		v := a.ledger[got.version]
		if v == nil || v.Source != world.GraphIncidents || got.body == a.whole(v) {
			continue
		}
		listed := string(v.AppendJSON(nil, world.Form{UnknownMembers: true}))
		if strings.HasPrefix(got.body, strings.TrimSuffix(listed, "}")) {
			got.body = a.whole(v)
			n++
		}
	}
	return n
}

func (s *soaking) strays() (leaked []string) {
	for _, stray := range s.cloud.Elsewhere.Requests() {
		if stray.Authorization != "" {
			leaked = append(leaked, stray.URL)
		}
	}
	return leaked
}

func (s *soaking) report(long time.Duration) {
	requests := 0
	for _, n := range s.requests() {
		requests += n
	}
	evils, kinds := 0, []string{}
	for _, name := range slices.Sorted(maps.Keys(s.done)) {
		evils += s.done[name]
		kinds = append(kinds, fmt.Sprintf("%s %d", name, s.done[name]))
	}
	s.t.Logf("%s, %d tenants, %d requests, %d records delivered, %d faults: %s", long, len(s.tenants), requests, s.sink.count(), evils, strings.Join(kinds, ", "))
}
