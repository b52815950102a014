package schedule

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestPhasesAreSpreadEvenly(t *testing.T) {
	const tenants, interval = 10_000, time.Minute
	var perSecond [60]int
	for i := range tenants {
		phase := Phase(fmt.Sprintf("%08x-86f1-41af-91ab-2d7cd011db47/endpoint_alerts", i), interval)
		require.Less(t, phase, interval)
		require.GreaterOrEqual(t, phase, time.Duration(0))
		perSecond[phase/time.Second]++
	}
	for second, n := range perSecond {
		assert.InDelta(t, tenants/60, n, 60, "second %d", second) // 166 on average, 4.6 standard deviations
	}
}

func TestAPhaseIsTheSameOnEveryStart(t *testing.T) {
	const key = "72f988bf-86f1-41af-91ab-2d7cd011db47/endpoint_alerts"
	assert.Equal(t, time.Duration(124082977499), Phase(key, time.Hour))
	assert.NotEqual(t, Phase(key, time.Hour), Phase("72f988bf-86f1-41af-91ab-2d7cd011db47/graph_alerts", time.Hour))
}

func TestAfter(t *testing.T) {
	const phase = 20 * time.Second
	for name, c := range map[string]struct{ into, want time.Duration }{
		"before the phase":   {5 * time.Second, phase},
		"just before it":     {phase - 1, phase},
		"on it":              {phase, time.Minute + phase},
		"just after it":      {phase + 1, time.Minute + phase},
		"after it":           {50 * time.Second, time.Minute + phase},
		"at the minute":      {0, phase},
		"in the next minute": {time.Minute + 5*time.Second, time.Minute + phase},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, epoch.Add(c.want), After(epoch.Add(c.into), phase, time.Minute))
		})
	}
}

func TestAfterIsNeverInThePastAndNeverSkips(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 5))
	for range 20_000 {
		interval := time.Second + time.Duration(r.Int64N(int64(time.Hour)))
		phase := Phase(fmt.Sprint(r.Uint64()), interval)
		now := epoch.Add(time.Duration(r.Int64N(int64(1000 * time.Hour))))
		next := After(now, phase, interval)
		require.True(t, next.After(now), "%s %s %s", now, phase, interval)
		require.LessOrEqual(t, next.Sub(now), interval)
		require.Equal(t, next.Add(interval), After(next, phase, interval), "one poll in each interval")
	}
}

func TestBackoff(t *testing.T) {
	for _, c := range []struct {
		failures           int
		first, limit, want time.Duration
	}{
		{0, 2 * time.Second, time.Minute, 2 * time.Second},
		{1, 2 * time.Second, time.Minute, 2 * time.Second},
		{2, 2 * time.Second, time.Minute, 4 * time.Second},
		{5, 2 * time.Second, time.Minute, 32 * time.Second},
		{6, 2 * time.Second, time.Minute, time.Minute},
		{1, 2 * time.Second, time.Second, time.Second},
		{9, 2 * time.Second, time.Second, time.Second},
		{math.MaxInt, 2 * time.Second, time.Minute, time.Minute},
		{200, 2 * time.Second, math.MaxInt64, math.MaxInt64},
	} {
		assert.Equal(t, c.want, Backoff(c.failures, c.first, c.limit), "%d failures, limit %s", c.failures, c.limit)
	}
}

func TestBackoffNeverShrinks(t *testing.T) {
	for _, limit := range []time.Duration{time.Second, 10 * time.Second, time.Minute, time.Hour, math.MaxInt64} {
		before := time.Duration(0)
		for failures := range 100 {
			wait := Backoff(failures, 2*time.Second, limit)
			require.GreaterOrEqual(t, wait, before)
			require.LessOrEqual(t, wait, limit)
			before = wait
		}
	}
}
