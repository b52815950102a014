package schedule

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// gaps remembers the longest time between two runs of a key.
type gaps struct {
	mu     sync.Mutex
	before map[string]time.Time
	most   time.Duration
}

func (g *gaps) ran(key string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.before == nil {
		g.before = map[string]time.Time{}
	}
	if before, ran := g.before[key]; ran {
		g.most = max(g.most, time.Since(before))
	}
	g.before[key] = time.Now()
}

// longest is the longest time until now too.
func (g *gaps) longest() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	most := g.most
	for _, before := range g.before {
		most = max(most, time.Since(before))
	}
	return most
}

// begin counts anew from now on, and returns the longest time before.
func (g *gaps) begin() time.Duration {
	most := g.longest()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.most = 0
	return most
}

// hang is a run of a host behind a firewall that drops everything.
func hang(lasting time.Duration) Run {
	failures := 0
	return func(context.Context) Next {
		time.Sleep(lasting)
		failures++
		return Next{At: time.Now().Add(time.Minute), Failures: failures}
	}
}

func TestFirstRunsLeaveAQuarterOfTheSlots(t *testing.T) {
	for slots, want := range map[int]int{1: 1, 2: 1, 3: 2, 4: 3, 7: 6, 8: 6, 16: 12, 64: 48} {
		t.Run(fmt.Sprintf("%d slots", slots), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := New(slots, 0)
				for i := range 200 {
					s.Add(fmt.Sprint(i), time.Now(), hang(30*time.Second))
				}
				serve(t, s)
				synctest.Wait()
				assert.Equal(t, want, s.unproven())
				for range 600 {
					time.Sleep(time.Second)
					require.LessOrEqual(t, s.unproven(), want)
				}
			})
		})
	}
}

// A provider adds a thousand tenants of a cloud that its firewall does not let through.
func TestTenantsThatWorkAreOnTimeBesideFirstRunsThatHang(t *testing.T) {
	for name, old := range map[string]struct {
		tenants int
		takes   time.Duration
	}{
		"few":                          {20, 0},
		"some, and slow":               {30, time.Second},
		"as many as the slots are for": {80, time.Second}, // they need half of them
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const interval = 10 * time.Second
				s, gaps := New(16, time.Second/72), &gaps{}
				for i := range old.tenants {
					key := fmt.Sprint("old", i)
					phase := interval * time.Duration(i) / time.Duration(old.tenants)
					s.Add(key, time.Now(), func(context.Context) Next {
						gaps.ran(key)
						time.Sleep(old.takes)
						return Next{At: After(time.Now(), phase, interval)}
					})
				}
				serve(t, s)
				time.Sleep(10 * time.Minute)
				require.LessOrEqual(t, gaps.begin(), interval+old.takes, "before")
				for i := range 1_000 {
					s.Add(fmt.Sprint("new", i), time.Now(), hang(30*time.Second))
				}
				time.Sleep(2 * time.Hour)
				assert.LessOrEqual(t, gaps.longest(), interval)
			})
		})
	}
}

// Also a tenant that failed once has its next turn soon.
func TestTenantsThatFailedOnceAreAskedAgainBesideFirstRunsThatHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(16, time.Second/72)
		var ran []time.Time
		s.Add("old", time.Now(), func(context.Context) Next {
			ran = append(ran, time.Now())
			if len(ran) == 2 {
				return Next{At: time.Now().Add(2 * time.Second), Failures: 1}
			}
			return Next{At: time.Now().Add(time.Minute)}
		})
		serve(t, s)
		time.Sleep(50 * time.Second)
		for i := range 1_000 {
			s.Add(fmt.Sprint("new", i), time.Now(), hang(30*time.Second))
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		require.GreaterOrEqual(t, len(ran), 3)
		assert.LessOrEqual(t, ran[2].Sub(ran[1]), 30*time.Second, "as soon as one of them has timed out")
	})
}

// Those who are added have their turn too where the slots do not suffice for the others.
func TestFirstRunsHaveTheirShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := New(8, 0), &diary{}
		for i := range 100 {
			s.Add(fmt.Sprint("old", i), time.Now(), func(context.Context) Next {
				time.Sleep(time.Second)
				return Next{At: time.Now().Add(time.Second)} // a hundred a second, and eight slots
			})
		}
		serve(t, s)
		time.Sleep(time.Minute)
		s.Add("new", time.Now(), d.takes("new", 0))
		time.Sleep(15 * time.Second) // in its turn
		assert.Equal(t, "new", d.String())
	})
}
