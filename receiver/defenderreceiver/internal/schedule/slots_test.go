package schedule

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// gauge counts what runs at a time.
type gauge struct {
	mu        sync.Mutex
	now, most int
}

func (g *gauge) add(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now += n
	g.most = max(g.most, g.now)
}

// note sees n at once.
func (g *gauge) note(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.most = max(g.most, n)
}

func (g *gauge) peak() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.most
}

func TestFailingTasksUseAtMostAQuarterOfTheSlots(t *testing.T) {
	for slots, want := range map[int]int{1: 1, 2: 1, 4: 1, 7: 1, 8: 2, 16: 4} {
		t.Run(fmt.Sprintf("%d slots", slots), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, failing := New(slots, 0), &gauge{}
				for i := range 50 {
					failed := false
					s.Add("failing"+strconv.Itoa(i), time.Now(), func(context.Context) Next {
						if failed {
							failing.add(1)
							time.Sleep(30 * time.Second) // it hangs until it times out
							failing.add(-1)
						}
						failed = true
						return Next{At: time.Now().Add(time.Second), Failures: 1}
					})
				}
				serve(t, s)
				time.Sleep(time.Hour)
				assert.Equal(t, want, failing.peak())
			})
		})
	}
}

func TestHealthyTasksAreOnTimeBesideHangingOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(8, 0)
		for i := range 100 {
			failed := false
			s.Add("failing"+strconv.Itoa(i), time.Now(), func(context.Context) Next {
				if failed {
					time.Sleep(30 * time.Second)
				}
				failed = true
				return Next{At: time.Now(), Failures: 1}
			})
		}
		due, latest := time.Now(), time.Duration(0)
		s.Add("healthy", due, func(context.Context) Next {
			latest = max(latest, time.Since(due))
			due = time.Now().Add(time.Minute)
			return Next{At: due}
		})
		serve(t, s)
		time.Sleep(time.Hour)
		synctest.Wait()
		assert.Zero(t, latest)
	})
}

func TestATaskThatRecoversLeavesTheQuarter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, together := New(4, 0), &gauge{}
		for i := range 4 {
			runs := 0
			s.Add(strconv.Itoa(i), time.Now(), func(context.Context) Next {
				if runs++; runs > 2 {
					together.add(1)
					time.Sleep(time.Minute)
					together.add(-1)
				}
				return Next{At: time.Now().Add(time.Minute), Failures: count(runs == 1)}
			})
		}
		serve(t, s)
		time.Sleep(time.Hour)
		assert.Equal(t, 4, together.peak())
	})
}

// TestNoScheduleOverlapsOrExceedsTheSlots lets tasks of every kind come, go, fail and last at random.
func TestNoScheduleOverlapsOrExceedsTheSlots(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 3))
			slots := 1 + r.IntN(12)
			s, all, failing, unproven := New(slots, 0), &gauge{}, &gauge{}, &gauge{}
			perKey := map[string]*gauge{}
			random := func(n time.Duration) time.Duration {
				all.mu.Lock() // which guards r as well
				defer all.mu.Unlock()
				return time.Duration(r.Int64N(int64(n)))
			}
			run := func(key string) Run {
				failed := false
				return func(ctx context.Context) Next {
					all.add(1)
					defer all.add(-1)
					perKey[key].add(1)
					defer perKey[key].add(-1)
					if failed {
						failing.add(1)
						defer failing.add(-1)
					}
					unproven.note(s.unproven())
					select {
					case <-time.After(random(time.Minute)):
					case <-ctx.Done():
						time.Sleep(random(time.Second))
					}
					failed = random(10) < 4
					return Next{At: time.Now().Add(random(time.Minute) - 10*time.Second), Failures: count(failed)}
				}
			}
			serve(t, s)
			for range 1000 {
				key := strconv.Itoa(int(random(40)))
				if perKey[key] == nil {
					perKey[key] = &gauge{}
				}
				if random(3) == 0 {
					s.Remove(key)
				} else {
					s.Add(key, time.Now().Add(random(20*time.Second)-10*time.Second), run(key))
				}
				time.Sleep(random(5 * time.Second))
			}
			synctest.Wait()
			require.Equal(t, slots, all.peak(), "seed %d: never busy, or too busy", seed)
			require.LessOrEqual(t, failing.peak(), max(1, slots/4), "seed %d", seed)
			require.LessOrEqual(t, unproven.peak(), max(1, slots-max(1, slots/4)), "seed %d", seed)
			for key, g := range perKey {
				require.LessOrEqual(t, g.peak(), 1, "seed %d: %s ran twice at a time", seed, key)
			}
			tasks, _, _, busy := s.counts()
			require.LessOrEqual(t, tasks, 40)
			require.LessOrEqual(t, busy, slots, "seed %d", seed)
		})
	}
}

func count(failed bool) int {
	if failed {
		return 1
	}
	return 0
}

// TestOneHiccupDoesNotPutATenantBehindAllThatAreDown: hundreds of tenants time out, and one fails once.
func TestOneHiccupDoesNotPutATenantBehindAllThatAreDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(16, 0)
		ctx, cancel := context.WithCancel(t.Context())
		for i := range 500 {
			failures := 0
			s.Add(fmt.Sprint("down", i), time.Now(), func(context.Context) Next {
				time.Sleep(30 * time.Second)
				failures++
				return Next{At: time.Now().Add(time.Minute), Failures: failures}
			})
		}
		var runs []time.Time
		s.Add("healthy", time.Now().Add(time.Hour), func(context.Context) Next {
			runs = append(runs, time.Now())
			return Next{At: time.Now().Add(2 * time.Second), Failures: count(len(runs) == 1)}
		})
		done := make(chan struct{})
		go func() { s.Serve(ctx); close(done) }()
		time.Sleep(2 * time.Hour)
		cancel()
		<-done
		require.Greater(t, len(runs), 1)
		assert.Less(t, runs[1].Sub(runs[0]), time.Minute)
	})
}
