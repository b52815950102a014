// Package checkpoint holds what a (tenant, source) must remember: up to where everything has been delivered, and what
// was delivered within the time that is read again. It stores that in an OTel storage extension, in a versioned format.
package checkpoint

import (
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
)

const (
	// segmentSize is how many deliveries one stored value holds: about 22 KB of text, the most that a checkpoint of a
	// quiet tenant writes again.
	segmentSize = 1024
	// maxExtra and maxAge bound what is kept beyond the time that is read again, so that a later version of an alert is
	// told from a new alert.
	maxExtra = 64 * 1024
	maxAge   = 30 * 24 * time.Hour
)

// State is the memory of one (tenant, source). It is used by one poll at a time.
type State struct {
	// Began is the start of the very first interval; nothing before it is ever asked for.
	Began odata.Instant
	// Cursor is the end of the last interval of which every record was accepted.
	Cursor odata.Instant

	delivered map[uint64][]odata.Instant // versions by id
	segments  []*segment                 // oldest first; the last one takes what comes
	dropped   []uint32                   // stored segments that are no longer needed
	nextSeq   uint32
	changed   bool
	isNew     bool
}

// segment is a run of deliveries in the order in which they were made.
type segment struct {
	seq     uint32
	entries []entry
	newest  odata.Instant // version
	last    odata.Instant // when the last entry was added
	changed bool
}

type entry struct {
	id      uint64
	version odata.Instant
}

// NewState returns the state of a (tenant, source) that has never been polled.
func NewState(began odata.Instant) *State {
	return &State{Began: began, Cursor: began, delivered: map[uint64][]odata.Instant{}, changed: true, isNew: true}
}

// New tells whether nothing has been completed yet.
func (s *State) New() bool { return s.isNew }

// Delivered tells whether this version of id was delivered.
func (s *State) Delivered(id string, version odata.Instant) bool {
	return slices.Contains(s.delivered[xxhash.Sum64String(id)], version)
}

// Known tells whether any version of id was delivered. It is exact for maxAge after the last one, and as long as a
// source delivers no more than maxExtra versions in that time.
func (s *State) Known(id string) bool { return len(s.delivered[xxhash.Sum64String(id)]) > 0 }

// Forgets is the time before which Known may have forgotten a delivery; Began where nothing was forgotten yet.
func (s *State) Forgets() odata.Instant {
	if s.nextSeq == 0 || len(s.segments) == 0 || s.segments[0].seq == 0 {
		return s.Began
	}
	return s.segments[0].last
}

// Remember notes a version that the pipeline accepted.
func (s *State) Remember(id string, version odata.Instant, now odata.Instant) {
	hash := xxhash.Sum64String(id)
	s.delivered[hash] = append(s.delivered[hash], version)
	if len(s.segments) == 0 || len(s.segments[len(s.segments)-1].entries) >= segmentSize {
		s.segments = append(s.segments, &segment{seq: s.nextSeq})
		s.nextSeq++
	}
	current := s.segments[len(s.segments)-1]
	current.entries = append(current.entries, entry{hash, version})
	current.newest = max(current.newest, version)
	current.last, current.changed = now, true
	s.changed = true
}

// Advance moves the cursor to the end of an interval that was delivered completely. It never moves back.
func (s *State) Advance(to odata.Instant) {
	if to > s.Cursor {
		s.Cursor, s.changed = to, true
	}
	s.isNew = false
}

// Forget drops deliveries of which no version at or after readAgain exists, as far as they are older than maxAge or
// more than maxExtra. What may be read again is never dropped.
func (s *State) Forget(readAgain, now odata.Instant) {
	for len(s.segments) > 1 {
		oldest := s.segments[0]
		if oldest.newest >= readAgain {
			return
		}
		if s.size() <= maxExtra && oldest.last >= now.Add(-maxAge) {
			return
		}
		for _, e := range oldest.entries {
			s.forget(e)
		}
		s.segments = s.segments[1:]
		s.dropped = append(s.dropped, oldest.seq)
		s.changed = true
	}
}

func (s *State) forget(e entry) {
	left := slices.DeleteFunc(s.delivered[e.id], func(v odata.Instant) bool { return v == e.version })
	if len(left) == 0 {
		delete(s.delivered, e.id)
		return
	}
	s.delivered[e.id] = left
}

// size is the number of deliveries in full segments.
func (s *State) size() int { return (len(s.segments) - 1) * segmentSize }
