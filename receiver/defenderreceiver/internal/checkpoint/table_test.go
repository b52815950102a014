package checkpoint

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
)

// shapes are ids, as hashes, of the n-th delivery: as they are, and the worst that somebody could make of them.
var shapes = map[string]func(n int) uint64{
	"random":          func(n int) uint64 { return rand.New(rand.NewPCG(uint64(n), 23)).Uint64() },
	"one id":          func(int) uint64 { return 7 },
	"a few ids":       func(n int) uint64 { return uint64(n % 3) },
	"equal low bits":  func(n int) uint64 { return uint64(n)<<20 | 0xabcde },
	"equal high bits": func(n int) uint64 { return 0xabcde<<44 | uint64(n) },
	"counted":         func(n int) uint64 { return uint64(n) },
}

// shaped delivers n versions, each later than the one before.
func shaped(n int, id func(n int) uint64) *State {
	s, now := NewState(epoch), epoch
	for i := range n {
		now++
		s.remember(entry{id(i), now}, now)
	}
	return s
}

// probes is how many slots are looked at until each id has been found once, and how many ids there are.
func (x *table) probes(s *State) (looks, ids int) {
	for i, at := range x.slots {
		if at != 0 {
			e, _ := s.delivery(at)
			looks += (i-x.home(e.id))&(len(x.slots)-1) + 1
			ids++
		}
	}
	return looks, ids
}

// In slots of which at most three quarters are taken, well spread ids are found at the second look on average, and 65,536 of
// them do not stray from that.
func TestAnIdIsFoundInAFewStepsWhateverTheOthersAre(t *testing.T) {
	for name, id := range shapes {
		s := shaped(maxExtra, id)
		distinct := map[uint64]struct{}{}
		for i := range maxExtra {
			distinct[id(i)] = struct{}{}
		}
		for range 2 {
			looks, ids := s.table.probes(s)
			require.Equal(t, len(distinct), ids, "%s: each id has one slot", name)
			require.LessOrEqual(t, looks, 3*ids, name)
			s.reindex()
		}
	}
}

func TestEachStateSpreadsItsIdsInAWayOfItsOwn(t *testing.T) {
	a, b := shaped(maxExtra, shapes["counted"]), shaped(maxExtra, shapes["counted"])
	assert.NotEqual(t, a.table.slots, b.table.slots, "who knows one could make ids that meet")
}

// steps is how many versions are looked at until one is found, or known to be none.
func (s *State) steps(id uint64, version odata.Instant) (n int) {
	for delivered := range s.versions(id) {
		if n++; delivered <= version {
			break
		}
	}
	return n
}

func TestAFullSegmentTakesNoMoreRoomThanItNeeds(t *testing.T) {
	s := shaped(5*segmentSize, shapes["random"])
	for _, g := range s.segments[:4] {
		assert.Equal(t, segmentSize, cap(g.entries))
		assert.Equal(t, segmentSize, cap(g.links))
	}
}

func TestOfManyVersionsTheLatestIsFoundFirst(t *testing.T) {
	const versions = 3 * segmentSize
	for name, of := range map[string]func(i int) odata.Instant{
		"in order":      func(i int) odata.Instant { return epoch + odata.Instant(i) },
		"newest first":  func(i int) odata.Instant { return epoch + odata.Instant(versions-1-i) },
		"in some order": func(i int) odata.Instant { return epoch + odata.Instant(i*7%versions) },
	} {
		s, latest := NewState(epoch), epoch+versions-1
		for i := range versions {
			s.remember(entry{7, of(i)}, epoch)
		}
		s.remember(entry{8, epoch}, epoch)
		s.remember(entry{7, epoch}, epoch) // once more, and late
		for range 2 {
			assert.Equal(t, latest, s.LatestOf(7), name)
			assert.Equal(t, 1, s.steps(7, latest), "%s: what is read again", name)
			assert.Equal(t, 1, s.steps(7, latest+1), "%s: what is new", name)
			n := 0
			for range s.versions(7) {
				n++
			}
			assert.Equal(t, versions+1, n, name)
			assert.Equal(t, map[uint64]odata.Instant{7: latest}, s.Latest(epoch+1, latest), name)
			s = recoded(t, s)
		}
	}
}

func TestLatestAgreesWithTheModel(t *testing.T) {
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 31))
		s, latest := NewState(epoch), map[uint64]odata.Instant{}
		for range 4000 {
			e := entry{r.Uint64N(900) << 40, epoch + odata.Instant(r.IntN(1000)) - 500}
			s.remember(e, epoch)
			if was, known := latest[e.id]; !known || e.version > was {
				latest[e.id] = e.version
			}
		}
		from, to := epoch+100, epoch+400
		want := map[uint64]odata.Instant{}
		for id, version := range latest {
			assert.Equal(t, version, s.LatestOf(id))
			if from <= version && version <= to {
				want[id] = version
			}
		}
		assert.NotEmpty(t, want)
		assert.Less(t, len(want), len(latest))
		assert.Equal(t, want, s.Latest(from, to), "seed %d", seed)
	}
	assert.Empty(t, NewState(epoch).Latest(0, epoch))
	assert.Zero(t, NewState(epoch).LatestOf(7))
}

func BenchmarkTable(b *testing.B) {
	for name, id := range shapes {
		b.Run(name, func(b *testing.B) {
			b.Run("remember", func(b *testing.B) {
				for b.Loop() {
					shaped(maxExtra, id)
				}
			})
			s := shaped(maxExtra, id)
			b.Run("reindex", func(b *testing.B) {
				for b.Loop() {
					s.reindex()
				}
			})
			b.Run("known", func(b *testing.B) {
				for b.Loop() {
					s.Known("another")
				}
			})
			b.Run("latest", func(b *testing.B) {
				for b.Loop() {
					s.Latest(epoch, epoch+maxExtra)
				}
			})
		})
	}
}
