package checkpoint

import (
	"iter"
	"sort"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
)

// table finds deliveries by id: open addresses with their numbers. The deliveries themselves stay in the segments,
// so that a version costs about 25 bytes; a map of slices takes four times as much. An id is a hash and needs no other.
type table struct {
	slots []uint32 // numbers plus one, 0 for none; as many as a power of two
	count uint32   // of the deliveries; the next one's number
}

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

// put notes the delivery of a number. There is room for it.
func (x *table) put(id uint64, number uint32) {
	mask := uint64(len(x.slots) - 1) //nolint:gosec // there are slots
	i := id & mask
	for x.slots[i] != 0 {
		i = (i + 1) & mask
	}
	x.slots[i] = number + 1
}

// numbers are those of the deliveries among which all of an id are.
func (x *table) numbers(id uint64) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		if len(x.slots) == 0 {
			return
		}
		mask := uint64(len(x.slots) - 1) //nolint:gosec // there are slots
		for i := id & mask; x.slots[i] != 0; i = (i + 1) & mask {
			if !yield(x.slots[i] - 1) {
				return
			}
		}
	}
}

// versions are those of an id that were delivered.
func (s *State) versions(id uint64) iter.Seq[odata.Instant] {
	return func(yield func(odata.Instant) bool) {
		for number := range s.table.numbers(id) {
			if e := s.delivery(number); e.id == id && !yield(e.version) {
				return
			}
		}
	}
}

// delivery is the one of a number.
func (s *State) delivery(number uint32) entry {
	i := int(number / segmentSize) // where all segments before it are full
	if i >= len(s.segments) || !s.segments[i].has(number) {
		i = sort.Search(len(s.segments), func(i int) bool { return s.segments[i].start > number }) - 1
	}
	g := s.segments[i]
	return g.entries[number-g.start]
}

func (g *segment) has(number uint32) bool {
	return g.start <= number && number-g.start < uint32(len(g.entries)) //nolint:gosec // a few thousand
}

// indexed notes the delivery that was added to the segments last.
func (s *State) indexed(id uint64) {
	if s.table.count++; slotsFor(s.table.count) > len(s.table.slots) {
		s.reindex()
		return
	}
	s.table.put(id, s.table.count-1)
}

// reindex numbers the deliveries anew, oldest first.
func (s *State) reindex() {
	s.table.count = 0
	for _, g := range s.segments {
		g.start = s.table.count
		s.table.count += uint32(len(g.entries)) //nolint:gosec // memory ends long before
	}
	if size := slotsFor(s.table.count); size != len(s.table.slots) {
		s.table.slots = make([]uint32, size)
	} else {
		clear(s.table.slots)
	}
	for _, g := range s.segments {
		for i, e := range g.entries {
			s.table.put(e.id, g.start+uint32(i))
		}
	}
}
