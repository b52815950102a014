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

	table     table
	segments  []*segment // oldest first; the last one takes what comes
	dropped   []uint32   // stored segments that are no longer needed
	nextSeq   uint32
	floor     odata.Instant // nothing at or after it was dropped, 0 where nothing was
	forgotten odata.Instant // when the latest delivery was made that may have been forgotten, 0 for none
	changed   bool
	stored    bool // once, in whatever form
	isNew     bool
}

// segment is a run of deliveries in the order in which they were made.
type segment struct {
	seq     uint32
	start   uint32 // the number of the first entry in the table
	entries []entry
	links   []link        // of each entry, to another one of its id
	last    odata.Instant // when the last entry was added
	changed bool
}

type entry struct {
	id      uint64
	version odata.Instant
}

// NewState returns the state of a (tenant, source) that has never been polled.
func NewState(began odata.Instant) *State {
	return &State{Began: began, Cursor: began, changed: true, isNew: true}
}

// New tells whether nothing has been completed yet.
func (s *State) New() bool { return s.isNew }

// Delivered tells whether this version of id was delivered.
func (s *State) Delivered(id string, version odata.Instant) bool {
	latest := true
	for delivered := range s.versions(xxhash.Sum64String(id)) {
		if delivered == version {
			return true
		}
		if latest && delivered < version {
			return false // as nearly always: there is no need to look at the others
		}
		latest = false
	}
	return false
}

// Known tells whether any version of id was delivered. It is exact for maxAge after the last one, and as long as a
// source delivers no more than maxExtra versions in that time.
func (s *State) Known(id string) bool {
	return s.latest(xxhash.Sum64String(id)) != 0
}

// Latest returns the latest delivered version of each id whose latest one lies in the closed interval, by the id's hash.
func (s *State) Latest(from, to odata.Instant) map[uint64]odata.Instant {
	latest := map[uint64]odata.Instant{}
	for _, at := range s.table.slots {
		if at == 0 {
			continue
		}
		if e, _ := s.delivery(at); from <= e.version && e.version <= to {
			latest[e.id] = e.version
		}
	}
	return latest
}

// LatestOf returns the latest delivered version of an id, given by its hash; 0 where none is remembered.
func (s *State) LatestOf(id uint64) odata.Instant {
	at := s.latest(id)
	if at == 0 {
		return 0
	}
	e, _ := s.delivery(at)
	return e.version
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
	s.add(e, now)
	s.indexed()
}

// add puts a delivery into the last segment, and not into the table.
func (s *State) add(e entry, now odata.Instant) {
	n := len(s.segments)
	if n == 0 || len(s.segments[n-1].entries) >= segmentSize {
		if n > 0 {
			s.segments[n-1].trim()
		}
		s.segments = append(s.segments, &segment{seq: s.nextSeq, start: s.table.count})
		s.nextSeq++
	}
	current := s.segments[len(s.segments)-1]
	current.entries, current.links = append(current.entries, e), append(current.links, 0)
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
	forgot := false
	for s.forgetOldest(readAgain, now) {
		forgot = true
	}
	if forgot {
		s.reindex()
	}
}

// forgetOldest drops a segment if that may be; the table is behind then.
func (s *State) forgetOldest(readAgain, now odata.Instant) bool {
	if len(s.segments) <= 1 {
		return false
	}
	oldest := s.segments[0]
	if s.size() <= maxExtra && oldest.last >= now.Add(-maxAge) {
		return false
	}
	needed := oldest.since(readAgain)
	if len(needed) > maxCarried {
		return false
	}
	s.segments = s.segments[1:]
	s.dropped = append(s.dropped, oldest.seq)
	s.forgotten, s.changed = oldest.last, true
	s.floor = max(s.floor, readAgain)
	for _, e := range needed {
		s.add(e, now)
	}
	return true
}

// trim gives back the room that append made for more; of a full segment it is a fifth.
func (g *segment) trim() {
	g.entries, g.links = slices.Clone(g.entries), slices.Clone(g.links)
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

// size is the number of deliveries in full segments.
func (s *State) size() int { return (len(s.segments) - 1) * segmentSize }
