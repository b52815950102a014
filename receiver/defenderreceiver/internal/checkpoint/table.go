package checkpoint

import (
	"hash/maphash"
	"iter"
	"sort"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
)

// table finds deliveries by id: open addresses, a slot for each id, which holds the number of the id's latest version.
// Its other versions hang on that one, so that it makes no difference to others how many there are. The deliveries
// themselves stay in the segments, so that a version costs about 30 bytes; a map of slices takes three times as much.
type table struct {
	slots []link       // as many as a power of two
	seed  maphash.Seed // because ids are hashes that whoever names alerts can reckon, and choose so that they meet
	count uint32       // of the deliveries; the next one's number
}

// link leads to a delivery: its number plus one, 0 for none.
type link = uint32

// minSlots is the size of the smallest table.
const minSlots = 8

// slotsFor is the size of a table that is at most three quarters full.
func slotsFor(count uint32) int {
	size := minSlots
	for uint64(size)*3 < uint64(count)*4 {
		size *= 2
	}
	return size
}

// home is the slot at which the search for an id begins.
func (x *table) home(id uint64) int {
	return int(maphash.Comparable(x.seed, id) & uint64(len(x.slots)-1)) //nolint:gosec // less than there are slots
}

// slot is the one of an id, or the empty one that it can have. There are slots, and one is empty.
func (s *State) slot(id uint64) *link {
	slots := s.table.slots
	for i := s.table.home(id); ; i = (i + 1) & (len(slots) - 1) {
		if slots[i] == 0 {
			return &slots[i]
		}
		if e, _ := s.delivery(slots[i]); e.id == id {
			return &slots[i]
		}
	}
}

// put notes a delivery, in front of the others of its id if none has a later version, else right behind the first.
func (s *State) put(number uint32) {
	e, next := s.delivery(number + 1)
	first := s.slot(e.id)
	if *first != 0 {
		if latest, others := s.delivery(*first); latest.version > e.version {
			first = others
		}
	}
	*next, *first = *first, number+1
}

// latest leads to the delivery of the latest version of an id.
func (s *State) latest(id uint64) link {
	if len(s.table.slots) == 0 {
		return 0
	}
	return *s.slot(id)
}

// versions are those of an id that were delivered, the latest one first.
func (s *State) versions(id uint64) iter.Seq[odata.Instant] {
	return func(yield func(odata.Instant) bool) {
		for at := s.latest(id); at != 0; {
			e, next := s.delivery(at)
			if !yield(e.version) {
				return
			}
			at = *next
		}
	}
}

// delivery is the one to which a link leads, with its own link to another one of the id.
func (s *State) delivery(at link) (entry, *link) {
	number := at - 1
	i := int(number / segmentSize) // where all segments before it are full
	if i >= len(s.segments) || !s.segments[i].has(number) {
		i = sort.Search(len(s.segments), func(i int) bool { return s.segments[i].start > number }) - 1
	}
	g := s.segments[i]
	return g.entries[number-g.start], &g.links[number-g.start]
}

func (g *segment) has(number uint32) bool {
	return g.start <= number && number-g.start < uint32(len(g.entries)) //nolint:gosec // a few thousand
}

// indexed notes the delivery that was added to the segments last.
func (s *State) indexed() {
	if s.table.count++; slotsFor(s.table.count) > len(s.table.slots) {
		s.reindex()
		return
	}
	s.put(s.table.count - 1)
}

// reindex numbers the deliveries anew, oldest first.
func (s *State) reindex() {
	s.table.count = 0
	for _, g := range s.segments {
		g.start = s.table.count
		s.table.count += uint32(len(g.entries)) //nolint:gosec // memory ends long before
	}
	if size := slotsFor(s.table.count); size != len(s.table.slots) {
		s.table.slots = make([]link, size)
	} else {
		clear(s.table.slots)
	}
	if s.table.seed == (maphash.Seed{}) {
		s.table.seed = maphash.MakeSeed()
	}
	for number := range s.table.count {
		s.put(number)
	}
}
