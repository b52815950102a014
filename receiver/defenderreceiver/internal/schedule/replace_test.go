package schedule

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
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
