package schedule

import (
	"container/heap"
	"time"
)

// fairEvery is how often the slots for tasks that failed go to the one that is overdue longest, so that those that failed
// most have their turn too.
const fairEvery = 4

// pick returns the task that is overdue longest among those that may have a slot, or nil.
func (s *Scheduler) pick(now time.Time) *task {
	for t := s.failing.first(); t != nil && !t.due.After(now); t = s.failing.first() {
		heap.Pop(&s.failing)
		heap.Push(&s.retry, t)
	}
	if s.busy >= s.slots {
		return nil
	}
	best := s.healthy.due(now)
	if t := s.pickRetry(); t != nil && (best == nil || t.due.Before(best.due)) {
		best = t
	}
	// What first runs have beyond their quarter is what nobody else waits for.
	if t := s.pickFresh(now); t != nil && (best == nil || s.busyFresh < s.quarter && byDue(t, best)) {
		best = t
	}
	return best
}

// pickFresh returns the task whose first run may begin, or nil.
func (s *Scheduler) pickFresh(now time.Time) *task {
	if s.unprovenFull() || now.Before(s.firstAt) {
		return nil
	}
	return s.fresh.due(now)
}

// pickRetry returns the task that failed and may have a slot, or nil.
func (s *Scheduler) pickRetry() *task {
	switch {
	case s.failingFull() || len(s.retry.tasks) == 0:
		return nil
	case s.retries%fairEvery == fairEvery-1:
		return s.retry.oldest()
	default:
		return s.retry.first()
	}
}

// unprovenFull tells whether first runs and those of tasks that failed have all the slots that they may have.
func (s *Scheduler) unprovenFull() bool {
	return s.busyFresh+s.busyFailing >= max(1, s.slots-s.quarter)
}

// failingFull is the same for tasks that failed alone.
func (s *Scheduler) failingFull() bool {
	return s.busyFailing >= s.quarter || s.unprovenFull()
}

// count adds n to what runs of the task's kind.
func (s *Scheduler) count(t *task, n int) {
	s.busy += n
	switch {
	case t.fresh:
		s.busyFresh += n
	case t.failures > 0:
		s.busyFailing += n
	}
}
