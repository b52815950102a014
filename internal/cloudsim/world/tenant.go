package world

import (
	"container/heap"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// tenant holds the alerts of one tenant.
type tenant struct {
	id string
	// domain and netbios are its names in hosts and users.
	domain, netbios string
	seed            uint64
	kinds           []*kind

	mu      sync.Mutex
	lists   map[Source]*list
	pending pending
	count   int // alerts that were given a generated id
	puts    int // versions put, to keep the order of those that become visible together
	alive   []living
	// events have happened and are not yet in incidents and detections.
	events    []event
	incidents map[int64]*incident
	// amended are members of incidents' JSON objects that a test has given.
	amended map[int64]map[string]any
}

func newTenant(id, name string, seed uint64) *tenant {
	label := strings.ToLower(strings.NewReplacer(" ", "-", "_", "-").Replace(name))
	t := &tenant{
		id: id, domain: label + ".com", netbios: strings.ToUpper(label),
		seed: seed, kinds: kinds(), lists: map[Source]*list{}, incidents: map[int64]*incident{}, amended: map[int64]map[string]any{},
	}
	for _, source := range Sources() {
		t.lists[source] = &list{current: map[string]*Version{}}
	}
	return t
}

// put queues a version for its time of appearance.
func (t *tenant) put(a Alert, now time.Time) string {
	if a.ID == "" {
		t.count++
		a.ID = alertID(hash(t.id, fmt.Sprint(t.seed, "/", t.count)))
	}
	if a.Updated.IsZero() {
		a.Updated = now
	}
	a.Updated = a.Updated.Truncate(Tick).UTC()
	if a.Created.IsZero() {
		a.Created = a.Updated
	}
	a.Created = a.Created.Truncate(Tick).UTC()
	visible := a.VisibleFrom
	if visible.IsZero() {
		visible = a.Updated
	}
	if visible.Before(now) {
		visible = now
	}
	var f *facts
	if a.Raw == "" {
		f = newFacts(t, &a)
	}
	into := map[Source]bool{}
	for _, source := range a.sources() {
		if source.derived() {
			into[source] = true
			continue
		}
		t.queue(visible, &Version{
			Tenant: t.id, Source: source, ID: a.ID, Created: a.Created, Updated: a.Updated, VisibleFrom: visible,
			facts: f, members: a.Members, raw: a.Raw, served: new(atomic.Int64),
		}, nil)
	}
	if f != nil && len(into) > 0 {
		t.queue(visible, nil, &event{at: visible, alert: f, into: into})
	}
	return a.ID
}

func (t *tenant) queue(at time.Time, v *Version, e *event) {
	t.puts++
	heap.Push(&t.pending, queued{t.puts, at, v, e})
}

// advance moves what has become visible into the lists.
func (t *tenant) advance(now time.Time) {
	for len(t.pending) > 0 && !t.pending[0].at.After(now) {
		next := heap.Pop(&t.pending).(queued)
		if next.event != nil {
			t.events = append(t.events, *next.event)
			continue
		}
		t.lists[next.version.Source].show(next.version)
	}
}

// queued is a version or an event.
type queued struct {
	number  int
	at      time.Time
	version *Version
	event   *event
}

// pending is a heap of what is to come, by its time of appearance.
type pending []queued

func (p pending) Len() int      { return len(p) }
func (p pending) Swap(i, j int) { p[i], p[j] = p[j], p[i] }
func (p *pending) Push(x any)   { *p = append(*p, x.(queued)) }

func (p pending) Less(i, j int) bool {
	if c := p[i].at.Compare(p[j].at); c != 0 {
		return c < 0
	}
	return p[i].number < p[j].number
}

func (p *pending) Pop() any {
	last := (*p)[len(*p)-1]
	*p = (*p)[:len(*p)-1]
	return last
}
