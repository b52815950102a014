package poll

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
)

// The model test: whatever happens, in whatever order, nothing is lost and nothing comes twice. A failure is shrunk to
// a short list of steps and can be replayed with the flag that the report names; -rapid.checks and -rapid.steps set
// how much is tried.

// lateness is how late an alert becomes visible at most: it leaves a request or two of the overlap.
const lateness = overlap - time.Minute

func newRig(t *rapid.T) *rig {
	r := &rig{world: newWorld(), disk: disk{values: map[string][]byte{}}, refused: map[version]bool{}}
	r.world.source = rapid.SampledFrom([]string{"endpoint_alerts", "graph_incidents", "siem_alerts"}).Draw(t, "source")
	r.world.exclusive = rapid.Bool().Draw(t, "exclusive bounds")
	r.page = rapid.IntRange(1, 20).Draw(t, "page size")
	r.batch = rapid.IntRange(1, 20).Draw(t, "batch")
	r.skew = time.Duration(rapid.SampledFrom([]int{0, 0, 1, -1, 30, -30}).Draw(t, "minutes the clock is off")) * time.Minute
	if r.skew == 0 { // one of the two clocks is right
		r.world.dateOff = time.Duration(rapid.SampledFrom([]int{0, 0, 60, -60}).Draw(t, "minutes the header Date is off")) * time.Minute
	}
	r.world.nextLinks = rapid.Bool().Draw(t, "nextLinks")
	r.world.cappedLinks = rapid.Bool().Draw(t, "links end at $top")
	r.world.serverPage = rapid.IntRange(1, 10).Draw(t, "page of the server")
	r.world.oldestFirst = rapid.Bool().Draw(t, "oldest first")
	require.NoError(t, r.boot())
	t.Cleanup(func() { r.end() })
	return r
}

func TestNothingIsLostAndNothingComesTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newRig(t)
		t.Repeat(map[string]func(*rapid.T){
			"turn":      r.turn,
			"turn ":     r.turn, // twice as likely
			"crash":     r.crash,
			"stop":      r.stop,
			"wait":      r.wait,
			"alerts":    r.makeAlerts,
			"burst":     r.makeBurst,
			"delete":    r.deleteAlert,
			"faults":    r.orderFaults,
			"outage":    r.orderOutage,
			"poison":    r.poisonAlert,
			"pipeline":  r.orderAnswers,
			"disk full": func(t *rapid.T) { r.disk.full = rapid.IntRange(1, 3).Draw(t, "transactions") },
			"":          r.check,
		})
		r.settle(t)
		r.checkDelivered(t, r.world.visible())
		r.nothingNew(t)
	})
}

func (r *rig) turn(t *rapid.T) {
	troubled := len(r.world.faults)+len(r.answers)+r.disk.full+len(r.world.poison) > 0
	if out := r.poller.Turn(context.Background()); out.Err != nil {
		require.True(t, troubled, "a turn without a fault failed: %v", out.Err)
		r.world.now = r.world.now.Add(2 * time.Second)
	}
}

// crash lets the process die at one of the next steps that touch the outside: before a request, between acceptance and
// checkpoint, in the middle of a transaction.
func (r *rig) crash(t *rapid.T) {
	r.life = rapid.IntRange(1, 12).Draw(t, "steps to live")
	r.disk.torn = rapid.Bool().Draw(t, "torn transaction")
	for range 3 {
		_ = r.poller.Turn(context.Background()) // what it says, nobody hears
	}
	r.crashes++
	r.disk.torn = false
	require.NoError(t, r.reboot())
}

// stop is a shutdown: the context ends in the middle of a turn, and what is under way may store its checkpoint.
func (r *rig) stop(t *rapid.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r.cancel, r.cancelAfter = cancel, rapid.IntRange(0, 25).Draw(t, "steps before the end")
	_ = r.poller.Turn(ctx)
	r.cancel = nil
	if r.disk.behind {
		r.crashes++ // what could not be stored is repeated, as after a crash
	}
	require.NoError(t, r.reboot())
}

func (r *rig) wait(t *rapid.T) {
	r.world.now = r.world.now.Add(time.Duration(rapid.IntRange(1, 600).Draw(t, "seconds")) * time.Second)
}

func (r *rig) makeAlerts(t *rapid.T) {
	for range rapid.IntRange(1, 15).Draw(t, "alerts") {
		r.world.put(drawID(t), odata.FromTime(r.world.now), drawDelay(t))
		r.world.now = r.world.now.Add(time.Duration(rapid.IntRange(0, 50_000_000).Draw(t, "ticks")) * 100 * time.Nanosecond)
	}
}

func (r *rig) makeBurst(t *rapid.T) {
	at := odata.FromTime(r.world.now)
	for i := range rapid.IntRange(2, 60).Draw(t, "alerts on one tick") {
		r.world.put(fmt.Sprintf("burst%d", i), at, 0)
	}
}

func (r *rig) deleteAlert(t *rapid.T) {
	ids := slices.Sorted(maps.Keys(r.world.alerts))
	if len(ids) == 0 {
		t.Skip("no alerts")
	}
	delete(r.world.alerts, rapid.SampledFrom(ids).Draw(t, "id"))
}

func (r *rig) orderFaults(t *rapid.T) {
	kind := rapid.Custom(func(t *rapid.T) fault { return fault(rapid.IntRange(0, int(faultKinds)-1).Draw(t, "fault")) })
	r.faulty = true
	r.world.faults = rapid.SliceOfN(kind, 1, 4).Draw(t, "faults")
}

// orderOutage makes the API fail in one way for a while: nothing may be given up for that.
func (r *rig) orderOutage(t *rapid.T) {
	kind := rapid.SampledFrom([]fault{serverError, cutOff, reset}).Draw(t, "fault")
	r.faulty = true
	r.world.faults = slices.Repeat([]fault{kind}, rapid.IntRange(5, 120).Draw(t, "requests"))
}

// poisonAlert makes an alert one that spoils the pages it is on.
func (r *rig) poisonAlert(t *rapid.T) {
	if len(r.world.poison) >= 3 {
		t.Skip("enough")
	}
	r.world.poison[drawID(t)] = rapid.SampledFrom([]poison{failsExpanded, failsByItself, failsInPart, turnsBad, failsAlways}).Draw(t, "poison")
}

func (r *rig) orderAnswers(t *rapid.T) {
	r.answers = rapid.SliceOfN(rapid.SampledFrom([]answer{accepts, isBusy, isHalfBusy, refuses}), 1, 4).Draw(t, "answers")
}

func drawID(t *rapid.T) string { return fmt.Sprintf("da%d", rapid.IntRange(0, 60).Draw(t, "id")) }

func drawDelay(t *rapid.T) time.Duration {
	if !rapid.Bool().Draw(t, "late") {
		return 0
	}
	return time.Duration(rapid.IntRange(1, int(lateness/time.Second)).Draw(t, "seconds late")) * time.Second
}

// check holds after every step: no version comes twice without a crash, one uid names one version, the state is
// bounded, and the cursor has passed nothing that was not delivered.
func (r *rig) check(t *rapid.T) {
	times, uids := map[version]int{}, map[string]version{}
	for _, e := range r.sink {
		times[e.version]++
		require.LessOrEqual(t, times[e.version], 1+r.crashes, "%v came too often", e.version)
		other, known := uids[e.uid]
		require.False(t, known && other != e.version, "one uid for %v and %v", e.version, other)
		uids[e.uid] = e.version
		if r.world.source == "graph_incidents" && !r.faulty && r.world.poison[e.id] <= failsByItself {
			require.EqualValues(t, elements, e.alerts, "%v came without its alerts", e.version)
		}
	}
	require.LessOrEqual(t, len(r.disk.values), 2+len(r.sink)/1000+r.crashes, "the state grows")
	if r.poller.state == nil {
		return
	}
	passed := map[string]version{}
	for id, v := range r.world.visible() {
		if v.updated < r.poller.state.Cursor.Add(-overlap) {
			passed[id] = v
		}
	}
	r.checkDelivered(t, passed)
}

func (r *rig) checkDelivered(t *rapid.T, want map[string]version) {
	delivered := map[version]bool{}
	for _, e := range r.sink {
		delivered[e.version] = true
	}
	for _, v := range want {
		require.True(t, delivered[v] || r.refused[v] || r.world.unreadable(v), "lost: %s of %s, the cursor is at %s", v.id, v.updated, r.poller.state.Cursor)
	}
}

// settle lets everything that was made be found, without faults.
func (r *rig) settle(t *rapid.T) {
	r.world.faults, r.answers, r.disk.full = nil, nil, 0
	r.world.now = r.world.now.Add(overlap)
	r.finish(t) // the poll that is under way ends where it began
	r.finish(t)
}

// finish goes on until a poll is complete.
func (r *rig) finish(t require.TestingT) (failures int) {
	for range 5000 {
		out := r.poller.Turn(context.Background())
		if out.Complete {
			return failures
		}
		if out.Err != nil {
			failures++
		}
	}
	require.Fail(t, "a poll does not come to an end")
	return failures
}

// nothingNew polls an unchanged tenant twice.
func (r *rig) nothingNew(t *rapid.T) {
	before := len(r.sink)
	for range 2 {
		r.world.now = r.world.now.Add(time.Minute)
		require.Zero(t, r.finish(t), "what cannot be read is known by now")
	}
	require.Len(t, r.sink, before, "polls over an unchanged tenant emitted something")
}

// TestEveryVersionSaysWhetherItIsTheFirst also keeps the simplest promise apart from all trouble.
func TestEveryVersionSaysWhetherItIsTheFirst(t *testing.T) {
	r := &rig{world: newWorld(), disk: disk{values: map[string][]byte{}}, refused: map[version]bool{}, page: 100}
	require.NoError(t, r.boot())
	defer func() { r.end() }()
	for i := range 300 {
		r.world.put(fmt.Sprintf("da%d", i%50), odata.FromTime(r.world.now), 0)
		r.world.now = r.world.now.Add(20 * time.Second)
		r.finish(t)
	}
	require.Len(t, r.sink, 300)
	seen := map[string]bool{}
	for _, e := range r.sink {
		want := "created"
		if seen[e.id] {
			want = "updated"
		}
		seen[e.id] = true
		assert.Equal(t, want, e.change, e.id)
	}
}
