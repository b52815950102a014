package world

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const contoso = "72f988bf-86f1-41af-91ab-2d7cd011db47"

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// clock is a hand-moved clock.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newWorld() (*World, *clock) {
	c := &clock{now: noon}
	w := New(1, c.Now)
	w.AddTenant(contoso, "contoso")
	return w, c
}

func ids(versions []*Version) []string {
	var all []string
	for _, v := range versions {
		all = append(all, v.ID+"@"+v.UpdatedText())
	}
	return all
}

func find(w *World, from, to time.Time) []string {
	return ids(w.Find(contoso, Query{EndpointAlerts, from, to}))
}

func TestFindIsInclusiveToTheTick(t *testing.T) {
	w, _ := newWorld()
	at := noon.Add(-time.Hour)
	for i, id := range []string{"a", "b", "c"} {
		w.Put(contoso, Alert{ID: id, Updated: at.Add(time.Duration(i) * Tick)})
	}
	all := []string{"a@2026-11-22T11:00:00Z", "b@2026-11-22T11:00:00.0000001Z", "c@2026-11-22T11:00:00.0000002Z"}
	assert.Equal(t, all, find(w, time.Time{}, time.Time{}))
	assert.Equal(t, all[1:], find(w, at.Add(Tick), time.Time{}))
	assert.Equal(t, all[:2], find(w, time.Time{}, at.Add(Tick)))
	assert.Equal(t, all[1:2], find(w, at.Add(Tick), at.Add(Tick)))
	assert.Empty(t, find(w, at.Add(3*Tick), time.Time{}))
	assert.Empty(t, find(w, at.Add(Tick), at))
}

func TestANewVersionReplacesTheOld(t *testing.T) {
	w, c := newWorld()
	w.Put(contoso, Alert{ID: "a", Updated: noon.Add(-time.Hour)})
	c.add(time.Minute)
	w.Put(contoso, Alert{ID: "a", Updated: noon.Add(-time.Minute), Status: "Resolved"})
	assert.Equal(t, []string{"a@2026-11-22T11:59:00Z"}, find(w, time.Time{}, time.Time{}))

	ledger := w.Ledger(contoso, EndpointAlerts)
	assert.Equal(t, []string{"a@2026-11-22T11:00:00Z", "a@2026-11-22T11:59:00Z"}, ids(ledger))
	assert.Equal(t, noon, ledger[0].VisibleFrom)
	assert.Equal(t, noon.Add(time.Minute), ledger[1].VisibleFrom)
	assert.Contains(t, string(ledger[1].JSON()), `"status":"Resolved"`)
	assert.Contains(t, string(w.Ledger(contoso, GraphAlerts)[1].JSON()), `"status":"resolved"`)
}

func TestALateVersionShowsWhenItIsDue(t *testing.T) {
	w, c := newWorld()
	w.Put(contoso, Alert{ID: "late", Updated: noon.Add(-time.Hour), VisibleFrom: noon.Add(time.Minute)})
	w.Put(contoso, Alert{ID: "future", Updated: noon.Add(2 * time.Minute)})
	assert.Empty(t, find(w, time.Time{}, time.Time{}))
	assert.Empty(t, w.Ledger(contoso, EndpointAlerts))
	c.add(time.Minute)
	assert.Equal(t, []string{"late@2026-11-22T11:00:00Z"}, find(w, time.Time{}, time.Time{}))
	c.add(time.Minute)
	assert.Len(t, w.Ledger(contoso, EndpointAlerts), 2)
}

func TestALateVersionThatWasOvertakenNeverShows(t *testing.T) {
	w, c := newWorld()
	w.Put(contoso, Alert{ID: "a", Updated: noon, VisibleFrom: noon.Add(time.Hour)})
	c.add(time.Second)
	w.Put(contoso, Alert{ID: "a"})
	c.add(2 * time.Hour)
	want := []string{"a@2026-11-22T12:00:01Z"}
	assert.Equal(t, want, find(w, time.Time{}, time.Time{}))
	assert.Equal(t, want, ids(w.Ledger(contoso, EndpointAlerts)))
}

func TestDelete(t *testing.T) {
	w, _ := newWorld()
	w.Put(contoso, Alert{ID: "a"}, Alert{ID: "b"})
	w.Delete(contoso, "a")
	w.Delete(contoso, "unknown")
	assert.Equal(t, []string{"b@2026-11-22T12:00:00Z"}, find(w, time.Time{}, time.Time{}))
	assert.Len(t, w.Ledger(contoso, EndpointAlerts), 2, "what was visible stays in the ledger")
	_, ok := w.Get(contoso, GraphAlerts, "a")
	assert.False(t, ok)
}

func TestSourcesAreKeptApart(t *testing.T) {
	w, _ := newWorld()
	w.Put(contoso, Alert{ID: "g", Sources: []Source{GraphAlerts}})
	assert.Empty(t, w.Find(contoso, Query{Source: EndpointAlerts}))
	require.Len(t, w.Find(contoso, Query{Source: GraphAlerts}), 1)
	assert.Empty(t, w.Find("stranger", Query{Source: GraphAlerts}))
	assert.Len(t, w.Put("stranger", Alert{ID: "x"}), 1, "an unknown tenant swallows everything")
}

func TestMembersAndRawText(t *testing.T) {
	const text = "no JSON at all"
	w, _ := newWorld()
	w.Put(contoso,
		Alert{ID: "m", Members: map[string]any{"severity": "Severe", "extra": nil, "incidentId": 9007199254740993}},
		Alert{ID: "r", Raw: text})
	m, _ := w.Get(contoso, EndpointAlerts, "m")
	var got map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(m.JSON(), &got))
	assert.Equal(t, `"Severe"`, string(got["severity"]))
	assert.Equal(t, "null", string(got["extra"]))
	assert.Equal(t, "9007199254740993", string(got["incidentId"]))
	assert.Equal(t, `"m"`, string(got["id"]))
	assert.Equal(t, "Severe", m.Property("severity"))
	assert.Equal(t, int64(9007199254740993), m.Property("incidentId"))
	r, _ := w.Get(contoso, EndpointAlerts, "r")
	served := r.AppendJSON(nil, Form{})
	assert.Equal(t, text, string(served))
	assert.Nil(t, r.Property("severity"))
	assert.Equal(t, noon, r.Property("lastUpdateTime"))
}

func TestServedCountsWhatWasMarked(t *testing.T) {
	w, _ := newWorld()
	w.Put(contoso, Alert{ID: "a"}, Alert{ID: "b"})
	v, _ := w.Get(contoso, EndpointAlerts, "b")
	v.MarkServed()
	v.MarkServed()
	served := w.Served(contoso, EndpointAlerts)
	require.Len(t, served, 1)
	assert.Equal(t, "b", served[0].ID)
	assert.Equal(t, 2, served[0].Served())
	assert.Empty(t, w.Served(contoso, GraphAlerts))
}

func TestGenerateSpreadsOverTheInterval(t *testing.T) {
	w, _ := newWorld()
	from, to := noon.Add(-24*time.Hour), noon
	assert.Len(t, w.Generate(contoso, 480, from, to), 480)
	versions := w.Find(contoso, Query{Source: EndpointAlerts})
	require.Len(t, versions, 480)
	assert.Len(t, w.Find(contoso, Query{EndpointAlerts, from, from.Add(time.Hour - 1)}), 20)
	for _, v := range versions {
		assert.False(t, v.Updated.Before(from) || !v.Updated.Before(to), v.UpdatedText())
		assert.Equal(t, v.Updated.Truncate(Tick), v.Updated)
		assert.False(t, v.Created.After(v.Updated))
	}
	assert.Len(t, w.Generate(contoso, 300, noon, noon), 300)
	assert.Len(t, w.Find(contoso, Query{EndpointAlerts, noon, noon}), 300, "all on one tick")
}

func TestTheSameSeedGivesTheSameWorld(t *testing.T) {
	text := func(seed uint64) string {
		c := &clock{now: noon}
		w := New(seed, c.Now)
		w.AddTenant(contoso, "contoso")
		w.Generate(contoso, 20, noon.Add(-time.Hour), noon)
		for range 50 {
			c.add(time.Second)
			w.Step(Life{New: 0.5, Late: 0.2, Burst: 0.1})
		}
		var all string
		for _, source := range Sources() {
			for _, v := range w.Ledger(contoso, source) {
				all += string(v.JSON()) + v.VisibleFrom.String() + "\n"
			}
		}
		return all
	}
	first, again := text(7), text(7)
	assert.Equal(t, first, again)
	assert.NotEqual(t, text(7), text(8))
}

func TestStepLetsAlertsLive(t *testing.T) {
	w, c := newWorld()
	w.AddTenant("b", "fabrikam")
	for range 400 {
		c.add(time.Second)
		w.Step(Life{New: 0.3, Late: 0.2, LateBy: time.Minute, Burst: 0.05, BurstSize: 5})
	}
	c.add(time.Hour)
	ledger := w.Ledger(contoso, EndpointAlerts)
	versions, ticks, late := map[string][]*Version{}, map[time.Time]int{}, 0
	for _, v := range ledger {
		versions[v.ID] = append(versions[v.ID], v)
		ticks[v.Updated]++
		if v.VisibleFrom.After(v.Updated.Add(Tick)) {
			late++
		}
	}
	assert.NotEmpty(t, w.Ledger("b", GraphAlerts))
	assert.NotZero(t, late)
	burst, changed, resolved := 0, 0, 0
	for _, n := range ticks {
		burst = max(burst, n)
	}
	for _, of := range versions {
		for i := range of[1:] {
			changed++
			assert.True(t, of[i+1].Updated.After(of[i].Updated))
			assert.Equal(t, of[i].Created, of[i+1].Created)
		}
		if of[len(of)-1].Property("status") == "Resolved" {
			resolved++
		}
	}
	assert.GreaterOrEqual(t, burst, 5)
	assert.NotZero(t, changed)
	assert.NotZero(t, resolved)
}

func TestStepInOneInstantKeepsVersionsApart(t *testing.T) {
	w, _ := newWorld()
	for range 200 {
		w.Step(Life{New: 0.1})
	}
	seen := map[string]bool{}
	for _, key := range ids(w.Ledger(contoso, EndpointAlerts)) {
		assert.False(t, seen[key], key)
		seen[key] = true
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	w := New(1, time.Now)
	w.AddTenant(contoso, "contoso")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); w.Run(ctx, Life{Interval: time.Millisecond, New: 1}) }()
	require.Eventually(t, func() bool { return len(w.Ledger(contoso, GraphAlerts)) > 3 }, 5*time.Second, time.Millisecond)
	cancel()
	<-done
}

func TestConcurrentUse(t *testing.T) {
	w, c := newWorld()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 50 {
				w.Put(contoso, Alert{ID: fmt.Sprint(i, "/", j%10)})
				w.Step(Life{New: 0.5})
				c.add(time.Millisecond)
				for _, v := range w.Find(contoso, Query{Source: GraphAlerts}) {
					v.MarkServed()
				}
				w.Delete(contoso, fmt.Sprint(i, "/", j%7))
			}
		})
	}
	wg.Wait()
	assert.NotEmpty(t, w.Served(contoso, GraphAlerts))
}

func BenchmarkAppendJSON(b *testing.B) {
	w, _ := newWorld()
	w.Generate(contoso, 1000, noon.Add(-time.Hour), noon)
	for _, source := range Sources() {
		b.Run(string(source), func(b *testing.B) {
			versions := w.Find(contoso, Query{Source: source})
			var buffer []byte
			for i := range b.N {
				buffer = versions[i%len(versions)].AppendJSON(buffer[:0], Form{Expanded: true})
				b.SetBytes(int64(len(buffer)))
			}
		})
	}
}
