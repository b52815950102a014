package world

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// World is all tenants. Its methods may be called at any time from any goroutine. An unknown tenant is an empty one.
type World struct {
	seed uint64
	now  func() time.Time

	mu      sync.Mutex
	tenants map[string]*tenant
	order   []*tenant
	random  *rand.Rand
}

// New returns an empty world. The same seed, clock and calls give the same alerts.
func New(seed uint64, now func() time.Time) *World {
	return &World{
		seed: seed, now: now,
		tenants: map[string]*tenant{},
		random:  rand.New(rand.NewPCG(seed, 0)),
	}
}

// Now is the world's clock.
func (w *World) Now() time.Time { return w.now() }

// AddTenant adds a tenant by its Entra id, with the name that shows in its hosts and users. Adding it again changes
// nothing.
func (w *World) AddTenant(id, name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.tenants[id] != nil {
		return
	}
	t := newTenant(id, cmp.Or(name, id), w.seed)
	w.tenants[id] = t
	w.order = append(w.order, t)
}

// Put makes alerts, or new versions of them, appear in a tenant at their VisibleFrom. It returns their ids.
func (w *World) Put(tenantID string, alerts ...Alert) []string {
	t, now := w.tenant(tenantID), w.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	ids := make([]string, len(alerts))
	for i := range alerts {
		ids[i] = t.put(alerts[i], now)
	}
	t.advance(now)
	return ids
}

// Delete makes an alert disappear, with its detections. Its incident stays as it is.
func (w *World) Delete(tenantID, id string) {
	t, now := w.tenant(tenantID), w.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.advance(now)
	t.derive()
	t.lists[EndpointAlerts].remove(id)
	t.lists[GraphAlerts].remove(id)
	t.withdraw(id)
}

// Query is what an API looks for.
type Query struct {
	Source Source
	// From and To bound the update time, both inclusive; a zero one is open.
	From, To time.Time
}

// Find returns the visible versions in the interval, oldest update first. The slice is the caller's.
func (w *World) Find(tenantID string, q Query) []*Version {
	t, now := w.tenant(tenantID), w.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.list(q.Source, now).between(q.From, q.To)
}

// Get returns the visible version of one record.
func (w *World) Get(tenantID string, source Source, id string) (*Version, bool) {
	t, now := w.tenant(tenantID), w.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	v, ok := t.list(source, now).current[id]
	return v, ok
}

// Ledger returns every version that was ever visible, in the order of its appearance. What replaced each other in an
// incident while nobody asked was not visible.
func (w *World) Ledger(tenantID string, source Source) []*Version {
	t, now := w.tenant(tenantID), w.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.list(source, now).ledger)
}

// Served returns the versions that were in at least one complete answer.
func (w *World) Served(tenantID string, source Source) []*Version {
	return slices.DeleteFunc(w.Ledger(tenantID, source), func(v *Version) bool { return v.Served() == 0 })
}

// Merge moves the alerts of one incident into another, to which it redirects from then on.
func (w *World) Merge(tenantID string, from, into int64) {
	t, now := w.tenant(tenantID), w.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.merge(from, into, now)
	t.advance(now)
}

// AmendIncident replaces or adds members of an incident's JSON object, in both sources, in its versions from now on.
func (w *World) AmendIncident(tenantID string, number int64, members map[string]any) {
	t := w.tenant(tenantID)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.derive()
	t.amended[number] = members
}

// tenant returns a tenant; one that was not added is empty and remembered nowhere.
func (w *World) tenant(id string) *tenant {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t := w.tenants[id]; t != nil {
		return t
	}
	return newTenant(id, id, w.seed)
}

// Generate puts n alerts into a tenant whose update times are spread evenly over the interval from..to, to excluded; all
// on one tick where both are the same. It returns their ids.
func (w *World) Generate(tenantID string, n int, from, to time.Time) []string {
	alerts := make([]Alert, n)
	step := to.Sub(from) / time.Duration(max(n, 1))
	random := rand.New(rand.NewPCG(w.seed, hash(tenantID, fmt.Sprint(n, from.UnixNano()))))
	for i := range alerts {
		updated := from.Add(time.Duration(i) * step)
		if step > 0 {
			updated = updated.Add(upTo(random, step))
		}
		age := time.Duration(0)
		revision := 0
		if random.IntN(3) == 0 {
			revision = 1 + random.IntN(4)
			age = time.Duration(revision) * upTo(random, time.Hour)
		}
		alerts[i] = Alert{Updated: updated, Created: updated.Add(-age), Revision: revision, Incident: 1 + random.Int64N(maxIncident)}
		if i > 0 && random.IntN(3) == 0 {
			alerts[i].Incident = alerts[i-1].Incident
		}
	}
	return w.Put(tenantID, alerts...)
}
