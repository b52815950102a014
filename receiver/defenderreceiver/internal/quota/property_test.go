package quota

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// traffic is a random stream of requests against a budget, and what the server saw of it.
type traffic struct {
	rand   *rand.Rand
	budget *Budget
	now    time.Time
	open   []request
	seen   []time.Time // when a request reached the server
	ready  time.Time   // until when the last Take said to wait
}

// request ends when its answer comes; the goroutine that waits for it may get to note that only later.
type request struct{ taken, ends, noted time.Time }

// run does one random thing.
func (tr *traffic) run(t *testing.T, pace time.Duration) {
	tr.now = tr.now.Add(time.Duration(tr.rand.Int64N(int64(pace))))
	if tr.rand.IntN(20) == 0 && tr.ready.After(tr.now) {
		tr.now = tr.ready // whoever obeys
	}
	tr.answers()
	wait := tr.budget.Take(tr.now)
	if wait < 0 {
		t.Fatalf("a wait of %s", wait)
	}
	tr.ready = tr.now.Add(wait)
	if wait > 0 {
		return
	}
	latency := tr.rand.Int64N(int64(time.Second))
	if tr.rand.IntN(30) == 0 {
		latency = tr.rand.Int64N(int64(2 * time.Minute)) // a stalled one
	}
	ends := tr.now.Add(time.Duration(latency))
	noted := ends
	if tr.rand.IntN(3) == 0 {
		noted = ends.Add(time.Duration(tr.rand.Int64N(int64(40 * time.Second))))
	}
	tr.open = append(tr.open, request{tr.now, ends, noted})
}

// answers ends what is due, in any order.
func (tr *traffic) answers() {
	tr.rand.Shuffle(len(tr.open), func(i, j int) { tr.open[i], tr.open[j] = tr.open[j], tr.open[i] })
	tr.open = slices.DeleteFunc(tr.open, func(r request) bool {
		switch {
		case r.noted.After(tr.now):
			return false
		case tr.rand.IntN(10) == 0:
			tr.budget.Unused()
			return true
		}
		tr.budget.Sent(r.ends)
		// The server saw it at any time in between.
		tr.seen = append(tr.seen, r.taken.Add(time.Duration(tr.rand.Int64N(int64(r.ends.Sub(r.taken))+1))))
		return true
	})
}

// requireWithin looks at every window that begins with a request: no other holds more.
func requireWithin(t *testing.T, seen []time.Time, l Limit) {
	slices.SortFunc(seen, time.Time.Compare)
	for i := l.Requests; i < len(seen); i++ {
		first := seen[i-l.Requests]
		if took := seen[i].Sub(first); took <= l.Window {
			t.Fatalf("%d requests within %s, from %s on", l.Requests+1, took, first)
		}
	}
}

func TestNoWindowHoldsMoreThanItsQuota(t *testing.T) {
	apis := map[string][]Limit{
		"endpoint":  {{100, time.Minute}, {1500, time.Hour}},
		"incidents": {{50, time.Minute}, {1500, time.Hour}},
		"graph":     {{150, time.Minute}},
		"one":       {{1, time.Minute}},
		"few":       {{3, time.Minute}, {100, time.Hour}},
		"narrow":    {{20, time.Hour}, {7, time.Minute}},
	}
	for name, limits := range apis {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(6) {
				r := rand.New(rand.NewPCG(seed, 7))
				tr := &traffic{rand: r, budget: New(limits...), now: epoch}
				for range 10 {
					pace := time.Duration(1+r.IntN(8000)) * time.Millisecond
					for range 600 {
						tr.run(t, pace)
					}
				}
				require.Greater(t, len(tr.seen), 2*limits[0].Requests, "seed %d: too little to judge", seed)
				for _, l := range limits {
					requireWithin(t, tr.seen, l)
				}
			}
		})
	}
}

func TestTheQuotaIsUsedUp(t *testing.T) {
	b, now := New(Limit{100, time.Minute}, Limit{1500, time.Hour}), epoch
	sent := 0
	for now.Before(epoch.Add(2 * time.Hour)) {
		if wait := b.Take(now); wait > 0 {
			now = now.Add(wait)
			continue
		}
		b.Sent(now)
		sent++
	}
	assert.Equal(t, 3000, sent, "the slack must not cost a share of the quota")
}

func TestTheWaitIsExact(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 9))
		b, now := New(Limit{5, time.Minute}, Limit{30, time.Hour}), epoch
		for range 200 {
			wait := b.Take(now)
			if wait == 0 {
				b.Sent(now)
				now = now.Add(time.Duration(r.Int64N(int64(20 * time.Second))))
				continue
			}
			require.Positive(t, b.Take(now.Add(wait-1)), "seed %d: a wait longer than needed", seed)
			now = now.Add(wait)
			require.Zero(t, b.Take(now), "seed %d: a wait that was not enough", seed)
			b.Unused()
		}
	}
}
