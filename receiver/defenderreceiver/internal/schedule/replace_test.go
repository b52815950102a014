package schedule

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// lingers notes its beginning, its context's end and its own end, which comes a second later.
func (d *diary) lingers() Run {
	return func(ctx context.Context) Next {
		d.note("old")
		<-ctx.Done()
		d.note("old-cancelled")
		time.Sleep(time.Second)
		d.note("old-ended")
		return Next{At: time.Now(), Failures: 1} // must not count
	}
}

func TestAddWhileRunningCancelsAndWaitsForTheOldRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := New(4, 0), &diary{}
		s.Add("k", time.Now(), d.lingers())
		serve(t, s)
		synctest.Wait()
		s.Add("k", time.Now(), d.takes("new", time.Minute))
		synctest.Wait()
		assert.Equal(t, "old old-cancelled", d.String(), "the new run must not overlap with the old one")
		time.Sleep(2 * time.Second)
		assert.Equal(t, "old old-cancelled old-ended new", d.String())
		time.Sleep(time.Hour)
		assert.Equal(t, "old old-cancelled old-ended new", d.String(), "what the old run said does not count")
	})
}

func TestAddWhileRunningKeepsItsOwnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := New(4, 0), &diary{}
		s.Add("k", time.Now(), d.lingers())
		serve(t, s)
		synctest.Wait()
		s.Add("k", time.Now(), d.takes("never", 0))
		s.Add("k", time.Now().Add(time.Minute), d.takes("new", 0)) // the last one counts
		time.Sleep(time.Minute - 1)
		assert.Equal(t, "old old-cancelled old-ended", d.String())
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		assert.Equal(t, "old old-cancelled old-ended new", d.String())
	})
}

func TestATaskThatIsAddedAnewIsNoLongerFailing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := New(1, 0), &diary{}
		failing := func(context.Context) Next { return Next{At: time.Now().Add(time.Hour), Failures: 1} }
		s.Add("k", time.Now(), failing)
		s.Add("other", time.Now(), failing)
		serve(t, s)
		synctest.Wait()
		s.Add("k", time.Now().Add(time.Minute), d.takes("k", 0))
		synctest.Wait()
		_, healthy, unwell, _ := s.counts()
		assert.Equal(t, []int{1, 1}, []int{healthy, unwell})
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, "k", d.String())
	})
}

func TestATaskThatWorksKeepsItsPlaceWhenItIsAddedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many, interval, every = 2_000, time.Minute, 100 * time.Millisecond // first runs alone would take 200 s
		s, gaps := New(16, every), &gaps{}
		run := func(key string) Run {
			return func(context.Context) Next {
				gaps.ran(key)
				return Next{At: time.Now().Add(interval)}
			}
		}
		add := func() {
			for i := range many {
				s.Add(strconv.Itoa(i), time.Now(), run(strconv.Itoa(i)))
			}
		}
		add()
		serve(t, s)
		time.Sleep(10 * time.Minute)
		require.LessOrEqual(t, gaps.begin(), interval)
		for range 20 { // somebody's job writes the list again and again
			add()
			time.Sleep(15 * time.Second)
		}
		assert.LessOrEqual(t, gaps.longest(), interval)
	})
}

func TestATaskThatWaitsTakesTheNewRun(t *testing.T) {
	for name, first := range map[string]time.Duration{"sooner": 0, "later": time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, d := New(1, 0), &diary{}
				due := time.Now().Add(time.Minute)
				s.Add("k", due, d.takes("old", 0))
				serve(t, s)
				synctest.Wait()
				s.Add("k", time.Now().Add(first), d.takes("new", 0))
				time.Sleep(time.Minute - 1)
				assert.Empty(t, d.String())
				time.Sleep(time.Nanosecond)
				synctest.Wait()
				assert.Equal(t, "new", d.String())
			})
		})
	}
}

// Who edits the row of a tenant that fails wants to see at once whether that helped, whoever else is down.
func TestATaskThatFailedIsAskedAtOnceWhenItIsAddedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := New(8, 0), &diary{}
		for i := range 100 {
			failures := 0
			s.Add(fmt.Sprint("down", i), time.Now(), func(context.Context) Next {
				if failures > 0 {
					time.Sleep(30 * time.Second)
				}
				failures++
				return Next{At: time.Now().Add(time.Minute), Failures: failures}
			})
		}
		s.Add("k", time.Now(), func(context.Context) Next { return Next{At: time.Now().Add(24 * time.Hour), Failures: 9} })
		serve(t, s)
		time.Sleep(time.Hour)
		s.Add("k", time.Now(), d.takes("mended", 0))
		synctest.Wait()
		assert.Equal(t, "mended", d.String())
	})
}

// Also when it is running and hangs.
func TestATaskThatFailedAndIsAddedAnewBeginsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := New(8, 0), &diary{}
		failed := false
		s.Add("k", time.Now(), func(ctx context.Context) Next {
			if failed {
				<-ctx.Done()
			}
			failed = true
			return Next{At: time.Now(), Failures: 1}
		})
		serve(t, s)
		synctest.Wait()
		require.Equal(t, 1, s.unproven(), "it hangs")
		s.Add("k", time.Now().Add(time.Minute), d.takes("mended", time.Second))
		synctest.Wait()
		_, _, unwell, busy := s.counts()
		assert.Equal(t, []int{0, 0}, []int{unwell, busy})
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, "mended", d.String())
		assert.Equal(t, 1, s.unproven(), "nobody knows yet whether it works")
		time.Sleep(time.Minute)
		assert.Zero(t, s.unproven())
	})
}

func TestRemoveCancelsARunForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := New(4, 0), &diary{}
		s.Add("k", time.Now(), d.lingers())
		serve(t, s)
		synctest.Wait()
		s.Remove("k")
		s.Remove("k")
		time.Sleep(time.Hour)
		assert.Equal(t, "old old-cancelled old-ended", d.String())
		tasks, _, _, _ := s.counts()
		assert.Zero(t, tasks, "nothing is kept")
	})
}

func TestRemoveOfAWaitingTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := New(4, 0), &diary{}
		s.Add("k", time.Now().Add(time.Minute), d.takes("k", 0))
		s.Add("other", time.Now().Add(time.Minute), d.takes("other", 0))
		serve(t, s)
		synctest.Wait()
		s.Remove("k")
		s.Remove("never there")
		time.Sleep(time.Hour)
		assert.Equal(t, "other", d.String())
	})
}

func TestAddAfterRemoveWaitsForTheOldRunToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := New(4, 0), &diary{}
		s.Add("k", time.Now(), d.lingers())
		serve(t, s)
		synctest.Wait()
		s.Remove("k")
		s.Add("k", time.Now(), d.takes("new", 0))
		time.Sleep(time.Minute)
		assert.Equal(t, "old old-cancelled old-ended new", d.String())
	})
}

func TestRemoveAfterAddWhileRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := New(4, 0), &diary{}
		s.Add("k", time.Now(), d.lingers())
		serve(t, s)
		synctest.Wait()
		s.Add("k", time.Now(), d.takes("never", 0))
		s.Remove("k")
		time.Sleep(time.Hour)
		assert.Equal(t, "old old-cancelled old-ended", d.String())
		s.Add("k", time.Now(), d.takes("again", 0))
		synctest.Wait()
		assert.Equal(t, "old old-cancelled old-ended again", d.String())
	})
}
