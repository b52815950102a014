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
	r := &rig{world: newWorld(), disk: disk{values: map[string][]byte{}}, refused: map[version]bool{}, page: 10}
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
	r.world.put("late", odata.FromTime(r.world.now), 30*time.Minute)
	for range 60 {
		r.world.now = r.world.now.Add(2 * time.Minute)
		r.finish(t)
	}
	require.Len(t, r.sink, 30)
	assert.Equal(t, "late", r.sink[29].id)
}
