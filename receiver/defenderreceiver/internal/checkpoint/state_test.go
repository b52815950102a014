package checkpoint

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
)

var epoch = odata.FromTime(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))

const day = 24 * time.Hour

// delivery is what the model knows of one.
type delivery struct {
	id      string
	version odata.Instant
	at      odata.Instant
}

// model remembers everything.
type model struct {
	deliveries []delivery
	readAgain  odata.Instant
}

// requireAgrees compares a state with everything that was ever delivered.
func (m *model) requireAgrees(t *testing.T, s *State, now odata.Instant) {
	t.Helper()
	young := now.Add(-maxAge)
	if len(m.deliveries) > maxExtra {
		young = now
	}
	for i, d := range m.deliveries {
		known, delivered := s.Known(d.id), s.Delivered(d.id, d.version)
		switch {
		case d.version >= m.readAgain && !delivered:
			t.Fatalf("delivery %d may be read again and was forgotten", i)
		case d.at >= young && !delivered:
			t.Fatalf("delivery %d is young and was forgotten", i)
		case delivered && !known:
			t.Fatalf("delivery %d is delivered but not known", i)
		case !known && d.at > s.Forgets():
			t.Fatalf("delivery %d was forgotten later than Forgets says", i)
		case s.Delivered(d.id, d.version+1<<50):
			t.Fatalf("a version of delivery %d was never delivered", i)
		}
	}
	require.False(t, s.Known("never"))
	if len(m.deliveries) <= maxExtra {
		require.LessOrEqual(t, s.Forgets(), max(s.Began, now.Add(-maxAge)), "Known is exact for maxAge")
	}
}

// step delivers a few, lets time pass and forgets.
func (m *model) step(r *rand.Rand, s *State, now *odata.Instant) {
	for range r.IntN(400) {
		*now = now.Add(time.Duration(r.IntN(1000)) * time.Millisecond)
		d := delivery{"da" + strconv.Itoa(r.IntN(5000)), now.Add(-time.Duration(r.Int64N(int64(72 * time.Hour)))), *now}
		if r.IntN(2000) == 0 {
			d.version = now.Add(200 * day) // a machine with a wrong clock
		}
		if s.Delivered(d.id, d.version) {
			continue
		}
		s.Remember(d.id, d.version, *now)
		m.deliveries = append(m.deliveries, d)
	}
	*now = now.Add(time.Duration(r.Int64N(int64(4 * day))))
	s.Advance(*now)
	m.readAgain = now.Add(-78 * time.Hour)
	s.Forget(m.readAgain, *now)
}

func TestAStateAgreesWithTheModel(t *testing.T) {
	for seed := range uint64(4) {
		r, m, now := rand.New(rand.NewPCG(seed, 11)), &model{}, epoch
		s := NewState(epoch)
		for range 120 {
			m.step(r, s, &now)
			if r.IntN(10) == 0 {
				s = recoded(t, s)
			}
		}
		m.requireAgrees(t, s, now)
		assert.Greater(t, s.Forgets(), s.Began, "seed %d: nothing was forgotten", seed)
		assert.Less(t, len(s.segments), 30, "seed %d", seed)
	}
}

func TestAVersionIsOneTick(t *testing.T) {
	s := NewState(epoch)
	s.Remember("a", epoch, epoch)
	assert.True(t, s.Delivered("a", epoch))
	assert.False(t, s.Delivered("a", epoch+1))
	assert.False(t, s.Delivered("a", epoch-1))
	assert.False(t, s.Delivered("b", epoch))
	assert.True(t, s.Known("a"))
	assert.False(t, s.Known("b"))
}

func TestTheCursorNeverMovesBack(t *testing.T) {
	s := NewState(epoch)
	assert.True(t, s.New())
	assert.Equal(t, epoch, s.Cursor)
	s.Advance(epoch.Add(-time.Hour))
	assert.Equal(t, epoch, s.Cursor)
	assert.False(t, s.New(), "an interval was completed")
	s.Advance(epoch.Add(time.Hour))
	s.Advance(epoch.Add(time.Minute))
	assert.Equal(t, epoch.Add(time.Hour), s.Cursor)
}

// fill delivers n different alerts, one in each step.
func fill(s *State, now *odata.Instant, n int, step time.Duration) {
	for range n {
		*now = now.Add(step)
		s.Remember(fmt.Sprintf("da%d", *now), *now, *now)
	}
}

// known is the number of ids that a state knows.
func known(s *State) int {
	ids := map[uint64]struct{}{}
	for _, g := range s.segments {
		for _, e := range g.entries {
			if slices.Contains(slices.Collect(s.versions(e.id)), e.version) {
				ids[e.id] = struct{}{}
			}
		}
	}
	return len(ids)
}

func TestForgetsIsAboutWhatWasForgotten(t *testing.T) {
	s, now := NewState(epoch), epoch
	fill(s, &now, segmentSize, time.Minute)
	full := now
	fill(s, &now, 20, 24*time.Hour+time.Minute) // quiet ever after
	s.Forget(now, now)
	assert.Equal(t, epoch, s.Forgets(), "nothing was forgotten yet")
	fill(s, &now, 20, day)
	s.Forget(now, now)
	assert.Equal(t, full, s.Forgets(), "not the time of the latest delivery: younger alerts are new")
	assert.Equal(t, full, recoded(t, s).Forgets())
	assert.False(t, s.Known(fmt.Sprintf("da%d", full)))
	assert.True(t, s.Known(fmt.Sprintf("da%d", now)))
}

func TestForgetAtItsBounds(t *testing.T) {
	s, now := NewState(epoch), epoch
	fill(s, &now, segmentSize, time.Second)
	last := now
	fill(s, &now, 1, time.Second)

	s.Forget(now, last.Add(maxAge))
	require.Len(t, s.segments, 2, "exactly maxAge is not too old")
	s.Forget(last, last.Add(maxAge)+1)
	require.Len(t, s.segments, 1)
	assert.True(t, s.Delivered(fmt.Sprintf("da%d", last), last), "readAgain itself may be read again")
	assert.False(t, s.Known(fmt.Sprintf("da%d", last.Add(-time.Second))))
	assert.True(t, recoded(t, NewState(epoch)).New())
}

func TestMemoryIsBounded(t *testing.T) {
	s, now := NewState(epoch), epoch
	for range 30 {
		fill(s, &now, 10_000, time.Second)
		s.Forget(now.Add(-time.Hour), now)
	}
	assert.LessOrEqual(t, s.size(), maxExtra)
	assert.LessOrEqual(t, known(s), maxExtra+segmentSize)
	assert.Greater(t, known(s), maxExtra-segmentSize, "what fits is kept")
}

func TestWhatMayBeReadAgainIsKeptAtAnySize(t *testing.T) {
	s, now := NewState(epoch), epoch
	fill(s, &now, maxExtra+20_000, time.Millisecond)
	s.Forget(epoch, now.Add(100*day))
	assert.Equal(t, maxExtra+20_000, known(s))
}

func TestARecordOfTheFutureDoesNotHoldTheOthers(t *testing.T) {
	s, now := NewState(epoch), epoch
	future := epoch.Add(1000 * day)
	s.Remember("future", future, now)
	for range 20 {
		fill(s, &now, segmentSize, time.Hour)
		s.Forget(now.Add(-3*day), now)
	}
	assert.Less(t, len(s.segments), 4)
	assert.True(t, s.Delivered("future", future), "it would come again with every poll")
	assert.True(t, recoded(t, s).Delivered("future", future))
}

func TestARecordRememberedTwiceIsForgottenTwice(t *testing.T) {
	s, now := NewState(epoch), epoch
	s.Remember("a", epoch, now)
	fill(s, &now, segmentSize, time.Second)
	now = now.Add(40 * day)
	s.Remember("a", epoch, now)
	s.Forget(now, now)
	require.Len(t, s.segments, 1)
	assert.True(t, s.Delivered("a", epoch))
}

func BenchmarkRememberAndForget(b *testing.B) {
	s, now := NewState(epoch), epoch
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Second)
		id := strconv.FormatInt(int64(now), 36)
		if !s.Delivered(id, now) {
			s.Remember(id, now, now)
		}
		s.Forget(now.Add(-time.Hour), now)
	}
}
