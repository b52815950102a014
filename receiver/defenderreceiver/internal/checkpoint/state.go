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
	// maxCarried is how many deliveries of a segment are moved on so that it can be dropped: a record with a time in the
	// future would otherwise hold everything that was delivered after it.
	maxCarried = segmentSize / 16
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
	floor     odata.Instant // nothing at or after it was dropped, 0 where nothing was
	forgotten odata.Instant // when the latest delivery was made that may have been forgotten, 0 for none
	changed   bool
	isNew     bool
}

// segment is a run of deliveries in the order in which they were made.
type segment struct {
	seq     uint32
	entries []entry
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

// Latest returns the latest delivered version of each id whose latest one lies in the closed interval, by the id's hash.
func (s *State) Latest(from, to odata.Instant) map[uint64]odata.Instant {
	latest := map[uint64]odata.Instant{}
	for id := range s.delivered {
		if version := s.LatestOf(id); from <= version && version <= to {
			latest[id] = version
		}
	}
	return latest
}

// LatestOf returns the latest delivered version of an id, given by its hash; 0 where none is remembered.
func (s *State) LatestOf(id uint64) odata.Instant {
	if versions := s.delivered[id]; len(versions) > 0 {
		return slices.Max(versions)
	}
	return 0
}

// Floor is the oldest update time that may be asked for: what lies before it is remembered no more, or was never wanted.
func (s *State) Floor() odata.Instant { return max(s.Began, s.floor) }

// Forgets is the time before which Known may have forgotten a delivery; Began where nothing was forgotten yet.
func (s *State) Forgets() odata.Instant { return max(s.Began, s.forgotten) }

// Remember notes a version that the pipeline accepted.
func (s *State) Remember(id string, version, now odata.Instant) {
	s.remember(entry{xxhash.Sum64String(id), version}, now)
}

func (s *State) remember(e entry, now odata.Instant) {
	s.delivered[e.id] = append(s.delivered[e.id], e.version)
	if len(s.segments) == 0 || len(s.segments[len(s.segments)-1].entries) >= segmentSize {
		s.segments = append(s.segments, &segment{seq: s.nextSeq})
		s.nextSeq++
	}
	current := s.segments[len(s.segments)-1]
	current.entries = append(current.entries, e)
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
		if s.size() <= maxExtra && oldest.last >= now.Add(-maxAge) {
			return
		}
		needed := oldest.since(readAgain)
		if len(needed) > maxCarried {
			return
		}
		s.drop(oldest)
		s.floor = max(s.floor, readAgain)
		for _, e := range needed {
			s.remember(e, now)
		}
	}
}

// since returns the deliveries of versions at or after from.
func (g *segment) since(from odata.Instant) []entry {
	var entries []entry
	for _, e := range g.entries {
		if e.version >= from {
			entries = append(entries, e)
		}
	}
	return entries
}

func (s *State) drop(oldest *segment) {
	for _, e := range oldest.entries {
		s.forget(e)
	}
	s.segments = s.segments[1:]
	s.dropped = append(s.dropped, oldest.seq)
	s.forgotten, s.changed = oldest.last, true
}

func (s *State) forget(e entry) {
	versions := s.delivered[e.id]
	if i := slices.Index(versions, e.version); i >= 0 { // one of them: another segment may hold it too
		versions = slices.Delete(versions, i, i+1)
	}
	if len(versions) == 0 {
		delete(s.delivered, e.id)
		return
	}
	s.delivered[e.id] = versions
}

// size is the number of deliveries in full segments.
func (s *State) size() int { return (len(s.segments) - 1) * segmentSize }
