package poll

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
)

// thirty makes a rig whose world has thirty alerts, one a second.
func thirty(t *testing.T, telemetry ...component.TelemetrySettings) *rig {
	t.Helper()
	return thirtyOf(t, "endpoint_alerts", telemetry...)
}

func thirtyOf(t *testing.T, source string, telemetry ...component.TelemetrySettings) *rig {
	t.Helper()
	r := &rig{world: newWorld(), disk: disk{values: map[string][]byte{}}, refused: map[version]bool{}, page: 10}
	r.world.source = source
	if len(telemetry) > 0 {
		r.telemetry = telemetry[0]
	}
	require.NoError(t, r.boot())
	t.Cleanup(func() { r.end() })
	for i := range 30 {
		r.world.put(fmt.Sprintf("da%d", i), odata.FromTime(r.world.now), 0)
		r.world.now = r.world.now.Add(time.Second)
	}
	return r
}

// TestAnOutageGivesNothingUp: an API that fails for everything is down, however long, and no record is to blame.
func TestAnOutageGivesNothingUp(t *testing.T) {
	r := thirty(t)
	r.world.faults = slices.Repeat([]fault{serverError}, 2000)
	turns := 0
	for ; len(r.world.faults) > 0; turns++ {
		require.False(t, r.poller.Turn(context.Background()).Complete)
	}
	assert.GreaterOrEqual(t, turns, 1000, "an API that is down is asked once in a turn, and once whether it is down")
	r.finish(t)
	assert.Len(t, r.sink, 30)
	assert.Empty(t, r.poller.narrowing.unreadable)
}

func TestOneAlertThatSpoilsItsPagesIsClosedInOn(t *testing.T) {
	tests := map[string]struct {
		poison poison
		want   int
	}{
		"fails in a list with $expand: read by itself": {failsExpanded, 30},
		"fails by itself too: delivered as listed":     {failsByItself, 30},
		"by itself it is another: delivered as listed": {turnsBad, 30},
		"fails always: passed over":                    {failsAlways, 29},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := thirty(t)
			r.world.poison["da17"] = tt.poison
			assert.Equal(t, 1, r.finish(t), "the first failure is waited for, the rest is narrowed at once")
			assert.Len(t, r.sink, tt.want)

			r.world.put("da99", odata.FromTime(r.world.now), 0)
			r.world.now = r.world.now.Add(time.Minute)
			assert.Zero(t, r.finish(t), "what cannot be read is not asked for again")
			assert.Len(t, r.sink, tt.want+1)
		})
	}
}

// TestASweepAsksAgainForWhatCouldNotBeRead: what was passed over comes when the API has mended it.
func TestASweepAsksAgainForWhatCouldNotBeRead(t *testing.T) {
	r := thirty(t)
	r.world.poison["da17"] = failsAlways
	r.finish(t)
	require.Len(t, r.sink, 29)
	delete(r.world.poison, "da17")
	for range 3 {
		r.world.now = r.world.now.Add(overlap + time.Hour)
		r.finish(t)
	}
	require.Len(t, r.sink, 30)
	assert.Equal(t, "da17", r.sink[29].id)
}

// TestASweepGoesOnBesideWhatCannotBeRead: one record that the API cannot list must not hide late ones for ever.
func TestASweepGoesOnBesideWhatCannotBeRead(t *testing.T) {
	r := thirty(t)
	r.world.poison["da17"] = failsAlways
	r.world.put("late", r.world.alerts["da17"].updated-1, 30*time.Minute) // on every page with it
	for range 60 {
		r.world.now = r.world.now.Add(2 * time.Minute)
		r.finish(t)
	}
	require.Len(t, r.sink, 30)
	assert.Equal(t, "late", r.sink[29].id)
}

// TestAnIncidentThatCannotBeExpandedGetsItsAlertsOneByOne, also where that takes more than a turn.
func TestAnIncidentThatCannotBeExpandedGetsItsAlertsOneByOne(t *testing.T) {
	tests := map[string]struct {
		poison poison
		alerts int64
		shown  int
	}{
		"the list fails":                   {failsExpanded, elements, 30},
		"the single incident too":          {failsByItself, elements, 30},
		"and one alert, which is left out": {failsInPart, elements - 1, 30},
		"everything: the others are read":  {failsAlways, 0, 29},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := thirtyOf(t, "graph_incidents")
			r.world.poison["da17"] = tt.poison
			assert.Equal(t, 1, r.finish(t), "the first failure is waited for, the rest is done at once")
			require.Len(t, r.sink, tt.shown)
			for _, e := range r.sink {
				want := int64(elements)
				if e.id == "da17" {
					want = tt.alerts
				}
				assert.Equal(t, want, e.alerts, e.id)
			}
			before := len(r.sink)
			r.world.now = r.world.now.Add(time.Minute)
			assert.Zero(t, r.finish(t), "what cannot be read is not asked for again")
			assert.Len(t, r.sink, before)
		})
	}
}

// TestAnOutageLeavesNoAlertOut: while alerts are read one by one the API goes down, and the work goes on when it is back.
func TestAnOutageLeavesNoAlertOut(t *testing.T) {
	for requests := range 40 {
		r := thirtyOf(t, "graph_incidents")
		r.world.poison["da17"] = failsByItself
		r.world.outage = outage{after: requests, length: 25}
		r.finish(t)
		require.Len(t, r.sink, 30)
		for _, e := range r.sink {
			require.EqualValues(t, elements, e.alerts, "%s, an outage after %d requests", e.id, requests)
		}
	}
}

// TestAThrottledCompletionGoesOn: a wait in the middle of it costs nothing that was read.
func TestAThrottledCompletionGoesOn(t *testing.T) {
	r := thirtyOf(t, "graph_incidents")
	r.world.poison["da17"] = failsByItself
	r.world.outage = outage{after: 12, length: 3, fault: throttled}
	for range 5_000 {
		out := r.poller.Turn(context.Background())
		if out.Complete {
			break
		}
		r.world.now = r.world.now.Add(time.Second)
	}
	require.Len(t, r.sink, 30)
	for _, e := range r.sink {
		assert.EqualValues(t, elements, e.alerts, e.id)
	}
}

// TestABurstOfDetectionsIsReadWhole, however many lie on one tick and whatever the API's bounds mean.
func TestABurstOfDetectionsIsReadWhole(t *testing.T) {
	for _, exclusive := range []bool{false, true} {
		for _, burst := range []int{9, 10, 11, 100, 700} {
			t.Run(fmt.Sprint(burst, " on one tick, exclusive bounds: ", exclusive), func(t *testing.T) {
				r := thirtyOf(t, "siem_alerts")
				r.world.exclusive = exclusive
				at := odata.FromTime(r.world.now.Add(-10 * time.Second))
				for i := range burst {
					r.world.put(fmt.Sprint("burst", i), at, 0)
				}
				for i := range 5 { // close neighbours on both sides
					r.world.put(fmt.Sprint("before", i), at-odata.Instant(i), 0)
					r.world.put(fmt.Sprint("after", i), at+odata.Instant(i), 0)
				}
				r.world.requests = 0
				assert.Zero(t, r.finish(t))
				assert.Len(t, r.sink, 30+burst+10)
				t.Logf("%d requests", r.world.requests)
				assert.Less(t, r.world.requests, 120)
				r.world.now = r.world.now.Add(time.Minute)
				assert.Zero(t, r.finish(t))
				assert.Len(t, r.sink, 30+burst+10, "nothing comes twice")
			})
		}
	}
}

// TestAnAPIThatListsTheAlertsOfAnIncidentInAnotherWay must not keep the poller busy for ever, nor make it repeat an alert.
func TestAnAPIThatListsTheAlertsOfAnIncidentInAnotherWay(t *testing.T) {
	tests := map[string]struct {
		elements elementsOf
		alerts   int64
	}{
		"no such address: delivered as listed": {notFound, -1},
		"all at once":                          {ignoringTop, elements},
		"all at once, again and again":         {ignoringBoth, elements},
		"the first one again and again":        {ignoringSkip, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := thirtyOf(t, "graph_incidents")
			r.world.poison["da17"] = failsByItself
			r.world.elements = tt.elements
			assert.Equal(t, 1, r.finish(t))
			require.Len(t, r.sink, 30)
			for _, e := range r.sink {
				if e.id == "da17" {
					assert.Equal(t, tt.alerts, e.alerts)
				}
			}
		})
	}
}
