package schedule

import (
	"slices"
	"time"
)

// queue is a heap of waiting tasks.
type queue struct {
	tasks  []*task
	before func(a, b *task) bool
}

// byDue puts the task on top that is due first, and of those the one that waits longest.
func byDue(a, b *task) bool {
	if a.due.Equal(b.due) {
		return a.turn < b.turn
	}
	return a.due.Before(b.due)
}

// byFailures puts the task on top that failed least often in a row, and of those the one that came due last: one hiccup
// does not put a tenant behind all that have been down for long.
func byFailures(a, b *task) bool {
	if a.failures != b.failures {
		return a.failures < b.failures
	}
	return byDue(b, a)
}

func (q *queue) Len() int           { return len(q.tasks) }
func (q *queue) Less(i, j int) bool { return q.before(q.tasks[i], q.tasks[j]) }

func (q *queue) Swap(i, j int) {
	q.tasks[i], q.tasks[j] = q.tasks[j], q.tasks[i]
	q.tasks[i].index, q.tasks[j].index = i, j
}

func (q *queue) Push(x any) {
	t := x.(*task) //nolint:forcetypeassert // container/heap passes what enqueue pushed
	t.queue, t.index = q, len(q.tasks)
	q.tasks = append(q.tasks, t)
}

func (q *queue) Pop() any {
	last := len(q.tasks) - 1
	t := q.tasks[last]
	q.tasks[last] = nil
	q.tasks = q.tasks[:last]
	t.queue = nil
	return t
}

// oldest is the task that has been due longest, whatever the order.
func (q *queue) oldest() *task {
	return slices.MinFunc(q.tasks, func(a, b *task) int {
		if byDue(a, b) {
			return -1
		}
		return 1
	})
}

// due is the first task if it is due, else nil.
func (q *queue) due(now time.Time) *task {
	if t := q.first(); t != nil && !t.due.After(now) {
		return t
	}
	return nil
}

func (q *queue) first() *task {
	if len(q.tasks) == 0 {
		return nil
	}
	return q.tasks[0]
}
