// Package schedule decides which task runs next. A task that waits is an entry in a heap, not a goroutine: ten thousand
// idle tenants cost ten thousand entries. It knows nothing of tenants, HTTP or records.
package schedule

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// Next is what a run says about the following one.
type Next struct {
	// At is when the task is due again; a time in the past means at once, after those who are overdue longer.
	At time.Time
	// Failures is how often the task has failed in a row. Tasks that did share a quarter of the slots, those that failed
	// less often first.
	Failures int
}

// Run is one run of a task. It must end soon after ctx does.
type Run func(ctx context.Context) Next

// Scheduler runs tasks when they are due, the longest overdue first, at most one run of a key at a time.
//
// A run may hang until it times out, and most likely one whose task has never run, or failed last time. Such unproven
// runs leave a quarter of the slots to the others, so that a task that works finds one when it is due.
type Scheduler struct {
	slots      int
	quarter    int           // of the slots: the most for tasks that failed, and what first runs have beside any others
	firstEvery time.Duration // between two first runs

	mu      sync.Mutex
	tasks   map[string]*task
	fresh   queue // waiting for their first run
	healthy queue // waiting, or due and waiting for a slot
	failing queue // waiting
	retry   queue // due, and waiting for one of the slots for tasks that failed
	busy    int   // what runs
	// busyFresh of them are first runs, and busyFailing those of tasks that failed last time.
	busyFresh, busyFailing int

	retries int       // started
	firstAt time.Time // when the next first run may begin
	turns   uint64

	wake chan struct{}
	runs sync.WaitGroup
}

type task struct {
	key      string
	run      Run
	due      time.Time
	failures int  // before the run, while it runs
	fresh    bool // it has not ended a run since it was added, or added anew after failures
	running  bool
	removed  bool
	// replaced says that Add came while an earlier run was still going on: its Next does not count.
	replaced bool
	cancel   context.CancelFunc
	queue    *queue // nil outside
	index    int    // in its queue
	turn     uint64 // the order in which the tasks began to wait
}

// forgive makes a task that failed one that has not run yet.
func (t *task) forgive() {
	t.fresh, t.failures = t.fresh || t.failures > 0, 0
}

// maxCatchUp is how many first runs may begin at once because they are late.
const maxCatchUp = 5

// New returns a scheduler that runs at most slots tasks at a time. First runs begin firstEvery after each other, however
// many are overdue: they cost more than later ones.
func New(slots int, firstEvery time.Duration) *Scheduler {
	return &Scheduler{
		slots:      slots,
		quarter:    max(1, slots/4),
		firstEvery: firstEvery,
		tasks:      map[string]*task{},
		fresh:      queue{before: byDue},
		healthy:    queue{before: byDue},
		failing:    queue{before: byDue},
		retry:      queue{before: byFailures},
		wake:       make(chan struct{}, 1),
	}
}

// Add makes key due at first. If the key is there already, run replaces its run: a task that waits and has not failed
// keeps its place, one that failed begins anew at first. A run that is going on is cancelled; the new one is due at
// first, and does not begin before the old one has ended.
func (s *Scheduler) Add(key string, first time.Time, run Run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tasks[key]
	if t == nil {
		t = &task{key: key, due: first, fresh: true}
		s.tasks[key] = t
		s.enqueue(t)
	}
	t.run = run
	switch {
	case t.running:
		t.due, t.removed, t.replaced = first, false, true
		t.cancel()
	case t.failures > 0:
		s.unqueue(t)
		t.due = first
		t.forgive()
		s.enqueue(t)
	}
	s.signal()
}

// Started is when all tasks that wait for their first run will have begun it, as far as is known now; the zero time where
// none waits.
func (s *Scheduler) Started() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.fresh.tasks) == 0 {
		return time.Time{}
	}
	return later(time.Now(), s.firstAt).Add(time.Duration(len(s.fresh.tasks)) * s.firstEvery)
}

// Remove forgets key. A run that is going on is cancelled.
func (s *Scheduler) Remove(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tasks[key]
	if t == nil {
		return
	}
	t.removed = true
	if t.running {
		t.cancel()
		return
	}
	s.unqueue(t)
	delete(s.tasks, key)
}

// Serve runs tasks until ctx ends, and returns when the last run has.
func (s *Scheduler) Serve(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		idle := s.dispatch(ctx)
		timer.Reset(idle)
		select {
		case <-ctx.Done():
			s.runs.Wait()
			return
		case <-s.wake:
		case <-timer.C:
		}
	}
}

// dispatch starts everything that is due and has a slot, and returns how long nothing else will be.
func (s *Scheduler) dispatch(ctx context.Context) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ctx.Err() == nil {
		now := time.Now()
		t := s.pick(now)
		if t == nil {
			return s.idle(now)
		}
		s.start(ctx, t)
	}
	return time.Hour
}

// idle is the time until the next task is due; a run that ends wakes the loop anyway.
func (s *Scheduler) idle(now time.Time) time.Duration {
	idle := time.Hour
	if s.busy >= s.slots {
		return idle
	}
	if t := s.healthy.first(); t != nil {
		idle = min(idle, t.due.Sub(now))
	}
	if t := s.fresh.first(); t != nil && !s.unprovenFull() {
		idle = min(idle, later(t.due, s.firstAt).Sub(now))
	}
	if t := s.failing.first(); t != nil && !s.failingFull() {
		idle = min(idle, t.due.Sub(now))
	}
	return max(0, idle)
}

func (s *Scheduler) start(ctx context.Context, t *task) {
	s.unqueue(t)
	runCtx, cancel := context.WithCancel(ctx)
	t.running, t.cancel = true, cancel
	s.count(t, +1)
	if t.failures > 0 {
		s.retries++
	}
	if t.fresh {
		// What timers are late by is made up for, what a stall took is not.
		s.firstAt = later(s.firstAt, time.Now().Add(-maxCatchUp*s.firstEvery)).Add(s.firstEvery)
	}
	run := t.run
	s.runs.Go(func() {
		defer cancel()
		s.finish(t, run(runCtx))
	})
}

func (s *Scheduler) finish(t *task, next Next) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count(t, -1)
	t.running = false
	switch {
	case t.removed:
		delete(s.tasks, t.key)
	case t.replaced:
		t.replaced = false
		t.forgive()
		s.enqueue(t)
	default:
		t.fresh, t.due, t.failures = false, next.At, next.Failures
		s.enqueue(t)
	}
	s.signal()
}

func (s *Scheduler) enqueue(t *task) {
	s.turns++
	t.turn = s.turns
	switch {
	case t.fresh:
		heap.Push(&s.fresh, t)
	case t.failures > 0:
		heap.Push(&s.failing, t)
	default:
		heap.Push(&s.healthy, t)
	}
}

func (s *Scheduler) unqueue(t *task) {
	if t.queue != nil {
		heap.Remove(t.queue, t.index)
	}
}

func (s *Scheduler) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
