package window

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
)

// order says how a pretended API sorts what it answers.
type order func([]odata.Instant)

var orders = map[string]order{
	"newest first": func(r []odata.Instant) { slices.Sort(r); slices.Reverse(r) },
	"oldest first": func(r []odata.Instant) { slices.Sort(r) },
	"any order": func(r []odata.Instant) {
		rand.New(rand.NewPCG(1, 2)).Shuffle(len(r), func(i, j int) { r[i], r[j] = r[j], r[i] })
	},
}

// walk reads records through w as a poll does, and returns how often each was read in a complete part, and the requests.
func walk(t *testing.T, records []odata.Instant, low, high odata.Instant, pageSize int, sort order) (map[int]int, int) {
	t.Helper()
	read, requests := map[int]int{}, 0
	w := New(low, high, 0, pageSize)
	last := low
	for !w.Done() {
		requests++
		require.Less(t, requests, 3000, "the walk does not come to an end")
		part := w.Next()
		require.LessOrEqual(t, part.From, part.To)
		require.LessOrEqual(t, part.From, last+1, "a gap before the part")
		var found []int
		var times []odata.Instant
		for i, r := range records {
			if part.Contains(r) {
				found, times = append(found, i), append(times, r)
			}
		}
		if len(found) < pageSize || part.Single() { // a tick by itself is read with $skip
			for _, i := range found {
				read[i]++
			}
			last = part.To
			w.Complete(len(found))
			continue
		}
		sort(times)
		page := times[:pageSize]
		w.Full(slices.Min(page), slices.Max(page), true)
	}
	assert.Equal(t, high, last)
	return read, requests
}

func TestWalkReadsEveryRecordInACompletePart(t *testing.T) {
	const start = odata.Instant(1_000_000_000)
	day := start.Add(24 * time.Hour)
	spreads := map[string]func(i int, r *rand.Rand) odata.Instant{
		"evenly":          func(_ int, r *rand.Rand) odata.Instant { return start + odata.Instant(r.Int64N(int64(day-start)+1)) },
		"in one minute":   func(_ int, r *rand.Rand) odata.Instant { return day - odata.Instant(r.Int64N(600_000_000)) },
		"on one tick":     func(int, *rand.Rand) odata.Instant { return start + 77_777 },
		"on the first":    func(int, *rand.Rand) odata.Instant { return start },
		"on the last":     func(int, *rand.Rand) odata.Instant { return day },
		"on two ticks":    func(i int, _ *rand.Rand) odata.Instant { return start + 77_777 + odata.Instant(i%2) },
		"on three places": func(i int, _ *rand.Rand) odata.Instant { return start + odata.Instant(i%3)*1_000_003 },
	}
	for name, spread := range spreads {
		for orderName, sort := range orders {
			t.Run(name+", "+orderName, func(t *testing.T) {
				r := rand.New(rand.NewPCG(7, 7))
				records := make([]odata.Instant, 1000)
				for i := range records {
					records[i] = spread(i, r)
				}
				read, requests := walk(t, records, start, day, 100, sort)
				assert.Len(t, read, len(records))
				t.Logf("%d requests", requests)
				assert.Less(t, requests, 80)
			})
		}
	}
}

func TestAQuietIntervalTakesOneRequest(t *testing.T) {
	_, requests := walk(t, nil, 5, 5+36_000_000_000, 100, orders["any order"])
	assert.Equal(t, 1, requests)
}

func TestAnEmptyIntervalIsOneTick(t *testing.T) {
	w := New(9, 9, time.Hour, 10)
	assert.Equal(t, Part{9, 9}, w.Next())
	w.Complete(0)
	assert.True(t, w.Done())
}

// TestPartsShareTheirBound keeps the guard against a server that compares more finely than a tick.
func TestPartsShareTheirBound(t *testing.T) {
	w := New(0, 1000, 0, 10)
	w.Full(0, 1000, true)
	first := w.Next()
	assert.Equal(t, Part{0, 500}, first)
	w.Complete(5)
	assert.Equal(t, first.To, w.Next().From)
}

func TestLengthFollowsTheDensity(t *testing.T) {
	w := New(0, odata.Instant(0).Add(time.Hour), time.Minute, 100)
	w.Complete(0)
	assert.Equal(t, 4*time.Minute, w.Length(), "nothing found: four times as long")
	w.Complete(100)
	assert.Equal(t, 2*time.Minute, w.Length(), "a page found: half")
	w.Complete(50)
	assert.Equal(t, 2*time.Minute, w.Length(), "half a page: as it is")
}
