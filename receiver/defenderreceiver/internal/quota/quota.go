// Package quota keeps a (tenant, API) within Microsoft's documented numbers of requests per minute and per hour. It
// counts what was sent; it never sleeps.
package quota

import (
	"sync"
	"time"
)

// slack is added to every window: two requests need not take equally long to reach the server, which does the counting.
const slack = time.Second

// Limit is one documented quota: at most Requests in any Window.
type Limit struct {
	Requests int
	Window   time.Duration
}

// Budget is the log of one (tenant, API). Sources that share an API share its Budget. Safe for concurrent use.
type Budget struct {
	limits  []Limit
	longest time.Duration

	mu       sync.Mutex
	sent     []time.Time // in the order in which the requests ended
	inFlight int
	blocked  time.Time
}

// New returns an unused budget. Without limits it never makes anybody wait.
func New(limits ...Limit) *Budget {
	b := &Budget{limits: limits}
	for _, l := range limits {
		b.longest = max(b.longest, l.Window+slack)
	}
	return b
}

// Take reserves one request, or says how long to wait before the next attempt. A reserved request ends with Sent or
// with Unused.
func (b *Budget) Take(now time.Time) (wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forget(now)
	if wait = b.wait(now); wait == 0 {
		b.inFlight++
	}
	return wait
}

// Sent ends a reserved request that may have reached the server. now is when its answer came: the server saw it before.
func (b *Budget) Sent(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inFlight--
	if len(b.limits) > 0 {
		b.sent = append(b.sent, now)
	}
}

// Unused ends a reserved request that was never sent.
func (b *Budget) Unused() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inFlight--
}

// Block lets nothing through before until: the server's own Retry-After.
func (b *Budget) Block(until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if until.After(b.blocked) {
		b.blocked = until
	}
}

// Spare tells whether less than nine tenths of every quota are used, so that work that can wait may be done: regular
// polls keep to eight.
func (b *Budget) Spare(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forget(now)
	if now.Before(b.blocked) {
		return false
	}
	for _, l := range b.limits {
		if 10*(b.inFlight+b.within(now, l)) >= 9*l.Requests {
			return false
		}
	}
	return true
}

func (b *Budget) wait(now time.Time) time.Duration {
	ready := b.blocked
	for _, l := range b.limits {
		allowed := l.Requests - b.inFlight
		if allowed <= 0 {
			// Only an answer makes room; it will have come by then or the request has been given up.
			ready = later(ready, now.Add(slack))
			continue
		}
		if len(b.sent) >= allowed {
			ready = later(ready, b.sent[len(b.sent)-allowed].Add(l.Window+slack))
		}
	}
	return max(0, ready.Sub(now))
}

func (b *Budget) within(now time.Time, l Limit) int {
	n := 0
	for i := len(b.sent) - 1; i >= 0 && b.sent[i].After(now.Add(-l.Window-slack)); i-- {
		n++
	}
	return n
}

// forget drops what is older than every window.
func (b *Budget) forget(now time.Time) {
	old := 0
	for old < len(b.sent) && !b.sent[old].After(now.Add(-b.longest)) {
		old++
	}
	if old == 0 {
		return
	}
	b.sent = append(b.sent[:0], b.sent[old:]...)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
