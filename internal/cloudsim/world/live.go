package world

import (
	"context"
	"math/rand/v2"
	"time"
)

// Life says how alerts come about by themselves.
type Life struct {
	// Interval is the time between two changes somewhere in the world; 1s if zero.
	Interval time.Duration
	// New, Late, Burst and Merge are probabilities from 0 to 1: that a change is a new alert rather than a new version of
	// one that is still open; that it becomes visible only LateBy after its update time; that it brings BurstSize alerts
	// on one tick; that it merges two incidents instead.
	New, Late, Burst, Merge float64
	// LateBy is at most how much later; 1m if zero.
	LateBy time.Duration
	// BurstSize is how many; 20 if zero.
	BurstSize int
}

// Run lets the world live until the context ends.
func (w *World) Run(ctx context.Context, life Life) {
	if life.Interval <= 0 {
		life.Interval = time.Second
	}
	ticker := time.NewTicker(life.Interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			w.Step(life)
		}
	}
}

// Step makes one change in one tenant.
func (w *World) Step(life Life) {
	w.mu.Lock()
	if len(w.order) == 0 {
		w.mu.Unlock()
		return
	}
	t := w.order[w.random.IntN(len(w.order))]
	seed := w.random.Uint64()
	w.mu.Unlock()

	now := w.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.step(life, rand.New(rand.NewPCG(seed, seed)), now)
	t.advance(now)
}

// living is an alert that may still change.
type living struct {
	id       string
	created  time.Time
	updated  time.Time
	revision int
	incident int64
}

// maxAlive bounds how many open alerts are kept in mind; older ones stay as they are.
const maxAlive = 100

func (t *tenant) step(life Life, random *rand.Rand, now time.Time) {
	visible := now
	if random.Float64() < life.Late {
		visible = now.Add(upTo(random, orDefault(life.LateBy, time.Minute)))
	}
	if len(t.alive) > 1 && random.Float64() < life.Merge {
		t.mergeAlive(random, now)
		return
	}
	if len(t.alive) > 0 && random.Float64() >= life.New {
		t.change(random.IntN(len(t.alive)), now, visible)
		return
	}
	n := 1
	if random.Float64() < life.Burst {
		n = orDefault(life.BurstSize, 20)
	}
	for range n {
		incident := 1 + random.Int64N(maxIncident)
		if len(t.alive) > 0 && random.IntN(3) == 0 {
			incident = t.alive[random.IntN(len(t.alive))].incident
		}
		id := t.put(Alert{Updated: now, VisibleFrom: visible, Incident: incident}, now)
		t.alive = append(t.alive, living{id: id, created: now, updated: now, incident: incident})
	}
	t.alive = t.alive[max(0, len(t.alive)-maxAlive):]
}

// change gives an open alert its next version. Two versions never share an update time.
func (t *tenant) change(i int, now, visible time.Time) {
	a := &t.alive[i]
	updated := now
	if !updated.Truncate(Tick).After(a.updated.Truncate(Tick)) {
		updated = a.updated.Add(Tick)
	}
	a.revision, a.updated = a.revision+1, updated
	t.put(Alert{ID: a.id, Created: a.created, Updated: updated, VisibleFrom: visible, Revision: a.revision, Incident: a.incident}, now)
	if a.revision >= lastRevision {
		t.alive = append(t.alive[:i], t.alive[i+1:]...)
	}
}

// mergeAlive merges the incidents of two open alerts.
func (t *tenant) mergeAlive(random *rand.Rand, now time.Time) {
	from, into := t.alive[random.IntN(len(t.alive))].incident, t.alive[random.IntN(len(t.alive))].incident
	if from == into {
		return
	}
	t.merge(from, into, now)
	for i := range t.alive {
		if t.alive[i].incident == from {
			t.alive[i].incident = into
		}
	}
}

// upTo returns a random duration below d.
func upTo(random *rand.Rand, d time.Duration) time.Duration {
	return time.Duration(random.Int64N(int64(d)))
}

func orDefault[T int | time.Duration](value, otherwise T) T {
	if value <= 0 {
		return otherwise
	}
	return value
}
