package schedule

import (
	"context"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// diary notes what ran, in order.
type diary struct {
	mu      sync.Mutex
	entries []string
}

func (d *diary) note(entry string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.entries = append(d.entries, entry)
}

func (d *diary) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.entries, " ")
}

// takes is a run that lasts d, also after its context ended, and is then done for a day.
func (d *diary) takes(name string, lasting time.Duration) Run {
	return func(context.Context) Next {
		d.note(name)
		time.Sleep(lasting)
		return Next{At: time.Now().Add(24 * time.Hour)}
	}
}

// serve runs s in the background of a bubble; it must be called within one.
func serve(t *testing.T, s *Scheduler) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		s.Serve(ctx)
		close(done)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

// counts tells how many tasks there are, how many of them wait in each queue, and how many run.
func (s *Scheduler) counts() (tasks, healthy, failing, busy int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.tasks), len(s.healthy.tasks) + len(s.fresh.tasks), (len(s.failing.tasks) + len(s.retry.tasks)), s.busy
}

// unproven tells how many first runs and runs of tasks that failed are going on.
func (s *Scheduler) unproven() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.busyFresh + s.busyFailing
}

func TestTheLongestOverdueGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d, now := New(1, 0), &diary{}, time.Now()
		for i, key := range []string{"c", "a", "d", "b"} {
			s.Add(key, now.Add(time.Duration(key[0])*time.Second), d.takes(key, time.Minute+time.Duration(i)))
		}
		s.Add("first", now, d.takes("first", time.Hour)) // meanwhile the others become overdue
		serve(t, s)
		time.Sleep(2 * time.Hour)
		assert.Equal(t, "first a b c d", d.String())
	})
}

func TestATaskRunsExactlyWhenItIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, start := New(4, 0), time.Now()
		var ran []time.Duration
		s.Add("a", start.Add(90*time.Minute), func(context.Context) Next {
			ran = append(ran, time.Since(start))
			return Next{At: time.Now().Add(3 * time.Hour), Failures: 1 - len(ran)%2}
		})
		serve(t, s)
		time.Sleep(8 * time.Hour)
		synctest.Wait()
		assert.Equal(t, []time.Duration{90 * time.Minute, 270 * time.Minute, 450 * time.Minute}, ran)
	})
}

func TestATaskThatIsAddedWakesTheScheduler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := New(1, 0), &diary{}
		serve(t, s)
		synctest.Wait() // it sleeps
		s.Add("late", time.Now().Add(time.Minute), d.takes("late", 0))
		s.Add("now", time.Now(), d.takes("now", 0))
		synctest.Wait()
		assert.Equal(t, "now", d.String())
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, "now late", d.String())
	})
}

func TestABacklogTakesTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := New(1, 0), &diary{}
		for _, key := range []string{"a", "b", "c"} {
			left := 4
			s.Add(key, time.Now(), func(context.Context) Next {
				d.note(key)
				if left--; left == 0 {
					return Next{At: time.Now().Add(time.Hour)}
				}
				return Next{At: time.Now()} // the clock stands still: all are due at the same time
			})
		}
		serve(t, s)
		synctest.Wait()
		assert.Equal(t, "a b c a b c a b c a b c", d.String())
	})
}

func TestServeReturnsWhenTheLastRunHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, start := New(4, 0), time.Now()
		for i := range 3 { // as many first runs as there may be
			s.Add(strconv.Itoa(i), start, func(ctx context.Context) Next {
				<-ctx.Done()
				time.Sleep(time.Duration(i) * time.Second) // what it still has to do
				return Next{At: time.Now()}
			})
		}
		s.Add("waiting", start, func(context.Context) Next {
			t.Error("a run began after the end")
			return Next{At: time.Now().Add(time.Hour)}
		})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, cancel)
		s.Serve(ctx)
		assert.Equal(t, time.Minute+2*time.Second, time.Since(start))
	})
}

func TestServeReturnsAtOnceWhenNothingRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d, start := New(3, 0), &diary{}, time.Now()
		s.Add("a", start.Add(time.Hour), d.takes("a", 0))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		s.Serve(ctx)
		assert.Equal(t, time.Second, time.Since(start))
		s.Add("a", start, d.takes("a", 0))
		s.Serve(ctx)
		assert.Empty(t, d.String(), "the context had ended already")
	})
}

func TestIdleTasksCostNoGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(16, 10*time.Millisecond)
		serve(t, s)
		synctest.Wait()
		before := runtime.NumGoroutine()
		var runs atomic.Int64
		for i := range 10_000 {
			s.Add(strconv.Itoa(i), time.Now(), func(context.Context) Next {
				runs.Add(1)
				return Next{At: time.Now().Add(time.Hour)}
			})
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		require.EqualValues(t, 10_000, runs.Load())
		assert.Less(t, runtime.NumGoroutine(), before+10, "the runtime may start a few of its own")
	})
}

func BenchmarkDispatchAmongTenThousandTasks(b *testing.B) {
	s := New(16, 0)
	for i := range 10_000 {
		s.Add(strconv.Itoa(i), time.Now(), nil)
	}
	b.ReportAllocs()
	for b.Loop() {
		now := time.Now()
		t := s.pick(now)
		s.unqueue(t)
		s.count(t, +1)
		s.finish(t, Next{At: now})
	}
}

func BenchmarkServeTenThousandTasks(b *testing.B) {
	s := New(16, 0)
	ctx, cancel := context.WithCancel(b.Context())
	left := b.N
	var mu sync.Mutex
	run := func(context.Context) Next {
		mu.Lock()
		defer mu.Unlock()
		if left--; left <= 0 {
			cancel()
		}
		return Next{At: time.Now()}
	}
	for i := range 10_000 {
		s.Add(strconv.Itoa(i), time.Now(), run)
	}
	b.ReportAllocs()
	b.ResetTimer()
	s.Serve(ctx)
}
