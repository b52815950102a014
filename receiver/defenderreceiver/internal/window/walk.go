// Package window plans which intervals of the update time one poll asks for. It reads a closed interval oldest part
// first, in parts that fit a page each, and assumes nothing about the order in which an API answers.
package window

import (
	"slices"
	"time"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
)

const (
	tick = 100 * time.Nanosecond
	// longest keeps a length that only ever grows from overflowing.
	longest = 100 * 365 * 24 * time.Hour
	// clusterRatio is how much shorter than the part the time of a full page is that counts as a cluster.
	clusterRatio = 1024
)

// Walk is the way of one poll through the closed interval from low to high. A part is asked for, and then is either
// Complete or Full. Neighbouring parts share the instant between them, so that no resolution of the server's makes a gap.
type Walk struct {
	low, high odata.Instant
	length    time.Duration // of the next part; adapts to the density seen
	pageSize  int
	cluster   cluster
	avoided   []odata.Instant // sorted; never part of a part
	done      bool
}

// cluster is where so many records lie close together that approaching it by ever shorter parts would take long: what is
// before it is read first, in parts as long as they were, and then it.
type cluster struct {
	known  bool
	start  odata.Instant
	length time.Duration // of part when its start is reached; 0 for a single tick
}

// Part is a closed interval.
type Part struct {
	From, To odata.Instant
}

// Single tells whether the part is one tick, which cannot be cut any more.
func (p Part) Single() bool { return p.From == p.To }

// Contains tells whether the instant lies in the part, bounds included.
func (p Part) Contains(i odata.Instant) bool { return p.From <= i && i <= p.To }

// New plans the interval from low to high; length is how long a part may be at first, the whole interval where it is 0.
func New(low, high odata.Instant, length time.Duration, pageSize int) *Walk {
	whole := max(tick, high.Sub(low))
	if length <= 0 || length > whole {
		length = whole
	}
	return &Walk{low: low, high: max(low, high), length: length, pageSize: pageSize}
}

// Avoid leaves instants out that are known to be unreadable. It is called before the first part is asked for.
func (w *Walk) Avoid(instants []odata.Instant) {
	w.avoided = slices.Sorted(slices.Values(instants))
	w.skipAvoided()
}

// skipAvoided moves the start of the next part behind instants that are left out.
func (w *Walk) skipAvoided() {
	for len(w.avoided) > 0 && w.avoided[0] <= w.low {
		if w.avoided[0] == w.low {
			w.done = w.done || w.low >= w.high
			w.low++
		}
		w.avoided = w.avoided[1:]
	}
}

// Done tells whether every part is complete.
func (w *Walk) Done() bool { return w.done }

// Length is the length of part that fits a page as the density is now.
func (w *Walk) Length() time.Duration { return w.length }

// Next is the part to ask for now. It stays the same until Complete or Full.
func (w *Walk) Next() Part {
	to := w.high
	if w.length < w.high.Sub(w.low) {
		to = w.low.Add(w.length)
	}
	if len(w.avoided) > 0 && to >= w.avoided[0] {
		to = w.avoided[0] - 1
	}
	c := w.cluster
	switch {
	case c.known && w.low == c.start:
		to = c.start
	case c.known && to >= c.start:
		to = c.start - 1
	}
	return Part{From: w.low, To: to}
}

// Complete says that the part of Next was read to its end, and how many records it held.
func (w *Walk) Complete(records int) {
	part := w.Next()
	cut := w.cluster.known && part.To == w.cluster.start-1 || len(w.avoided) > 0 && part.To == w.avoided[0]-1
	if !part.Single() && !cut {
		w.adapt(part, records)
	}
	if part.To >= w.high {
		w.done = true
		return
	}
	w.low = part.To
	if part.Single() || cut {
		w.low++
	}
	w.skipAvoided()
	w.passCluster()
}

// passCluster shortens the parts at the start of a cluster, and forgets it behind its only tick.
func (w *Walk) passCluster() {
	c := w.cluster
	switch {
	case !c.known || w.low < c.start:
	case w.low > c.start:
		w.cluster = cluster{}
	case c.length > 0:
		w.length, w.cluster = c.length, cluster{}
	}
}

// adapt aims at half a page for the next part, growing at most fourfold.
func (w *Walk) adapt(part Part, records int) {
	factor := 4.0
	if records > 0 {
		factor = min(factor, float64(w.pageSize)/2/float64(records))
	}
	length := factor * float64(part.To.Sub(part.From))
	w.length = max(tick, time.Duration(min(length, float64(longest))))
}

// Full says that the part of Next, longer than one tick, holds more than was read. oldest and newest are the first and
// the last update time among the records read that lie in the part; ok is false where there were none.
func (w *Walk) Full(oldest, newest odata.Instant, ok bool) {
	part := w.Next()
	length := part.To.Sub(part.From)
	span := newest.Sub(oldest)
	ok = ok && part.Contains(oldest)
	switch {
	case length <= tick:
		w.cluster = cluster{known: true, start: part.From}
	case !ok:
		w.length = max(tick, length/2)
	case oldest == newest:
		w.cluster = cluster{known: true, start: oldest}
	case span < length/clusterRatio && oldest > part.From:
		w.cluster = cluster{known: true, start: oldest, length: max(tick, span/2)}
	default:
		// An API that lists newest first shows the density of the end of the part; any other order shows all of it.
		w.length = max(tick, min(length, span)/2)
	}
}
