package checkpoint

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
)

// patiently returns a store as the receiver has it; stop ends it.
func patiently(client *spy) (st *Store, stop func()) {
	st = NewStore(client, Spacing).Patient(Patience)
	ctx, cancel := context.WithCancel(context.Background())
	var serve sync.WaitGroup
	serve.Go(func() { st.Serve(ctx) })
	return st, func() {
		cancel()
		serve.Wait()
	}
}

// reopened is what a restart finds.
func reopened(t *testing.T, client *spy, key Key) *State {
	t.Helper()
	s, err := NewStore(client, 0).Open(t.Context(), key)
	require.NoError(t, err)
	return s
}

func TestTenThousandQuietTenantsTakeFewTransactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const tenants, minutes = 10_000, 3
		client := inMemory()
		st, stop := patiently(client)
		defer stop()
		states := make([]*State, tenants)
		keys := make([]Key, tenants)
		for i := range states {
			keys[i] = Key{fmt.Sprintf("00000000-0000-4000-8000-%012d", i), "endpoint_alerts"}
			states[i] = NewState(epoch)
		}
		for minute := range minutes {
			for i, s := range states {
				time.Sleep(time.Minute / tenants)
				s.Advance(epoch.Add(time.Duration(minute+1) * time.Minute))
				go func() { // the first ones wait for their transaction, as polls do
					assert.NoError(t, st.Save(t.Context(), keys[i], s))
				}()
			}
		}
		time.Sleep(2 * Patience)
		made := client.made()
		for last, first := 0, 0; last < len(made); last++ {
			for made[last].Sub(made[first]) >= time.Second {
				first++
			}
			require.LessOrEqual(t, last-first+1, 20, "in the second before %s", made[last])
		}
		for _, key := range keys {
			require.Equal(t, epoch.Add(minutes*time.Minute), reopened(t, client, key).Cursor)
		}
		time.Sleep(time.Hour)
		assert.Equal(t, made, client.made(), "nothing changed")
	})
}

func TestACursorThatMovedAloneWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := inMemory()
		st, stop := patiently(client)
		defer stop()
		s := saved(t, st, alerts, 1)
		require.Len(t, client.made(), 1, "the first one does not")
		start := time.Now()
		for i := range 3 {
			s.Advance(epoch.Add(time.Duration(i+1) * time.Hour))
			require.NoError(t, st.Save(t.Context(), alerts, s))
		}
		assert.Zero(t, time.Since(start))
		assert.Len(t, client.made(), 1)
		time.Sleep(Patience)
		synctest.Wait()
		assert.Len(t, client.made(), 2)
		assert.Equal(t, s.Cursor, reopened(t, client, alerts).Cursor)
	})
}

func TestADeliveryOvertakesTheCursorThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := inMemory()
		st, stop := patiently(client)
		defer stop()
		s, now := saved(t, st, alerts, 1), epoch.Add(day)
		s.Advance(now)
		require.NoError(t, st.Save(t.Context(), alerts, s))
		fill(s, &now, 1, time.Hour)
		s.Advance(now)
		require.NoError(t, st.Save(t.Context(), alerts, s))
		assert.Equal(t, now, reopened(t, client, alerts).Cursor, "stored before the poll ends")
		time.Sleep(time.Hour)
		synctest.Wait()
		back := reopened(t, client, alerts)
		assert.Equal(t, now, back.Cursor)
		assert.True(t, back.Delivered(fmt.Sprintf("da%d", now), now))
	})
}

func TestWhatWaitsIsStoredAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := inMemory()
		st, stop := patiently(client)
		s := saved(t, st, alerts, 1)
		s.Advance(epoch.Add(day))
		require.NoError(t, st.Save(t.Context(), alerts, s))
		stop()
		assert.Equal(t, epoch.Add(day), reopened(t, client, alerts).Cursor)
		s.Advance(epoch.Add(2 * day))
		require.ErrorIs(t, st.Save(t.Context(), alerts, s), errEnded, "nobody would store it")
	})
}

func TestAStoreThatHangsIsNotAskedOnceMoreAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := inMemory()
		st, stop := patiently(client)
		s := saved(t, st, alerts, 1)
		other := saved(t, st, graph, 1)
		client.fail(func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		s.Advance(epoch.Add(day))
		require.NoError(t, st.Save(t.Context(), alerts, s), "it waits")
		now, start := epoch.Add(day), time.Now()
		fill(other, &now, 1, time.Second)
		require.Error(t, st.Save(t.Context(), graph, other))
		stop()
		assert.LessOrEqual(t, time.Since(start), batchTimeout+Spacing)
	})
}

func TestAFailureThatHasPassedKeepsNothingFromBeingStoredAtTheEnd(t *testing.T) {
	for name, fails := range map[string]func(ctx context.Context) error{
		"an error": func(context.Context) error { return errDisk },
		"it hung":  hangs,
	} {
		synctest.Test(t, func(t *testing.T) {
			client := inMemory()
			st, stop := patiently(client)
			s, other := saved(t, st, alerts, 1), saved(t, st, graph, 1)
			client.fail(fails)
			now := epoch.Add(day)
			fill(other, &now, 1, time.Second)
			require.Error(t, st.Save(t.Context(), graph, other))
			client.fail(nil)
			time.Sleep(time.Hour)
			s.Advance(epoch.Add(day))
			require.NoError(t, st.Save(t.Context(), alerts, s), "it waits")
			stop()
			assert.Equal(t, epoch.Add(day), reopened(t, client, alerts).Cursor, name)
		})
	}
}

func TestOneFailureAtTheEndKeepsNoOtherFromBeingStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := inMemory()
		st, stop := patiently(client)
		s := moved(t, st, 3*batchSize)
		n := 0
		client.fail(func(context.Context) error {
			if n++; n == 2 {
				return errDisk
			}
			return nil
		})
		stop()
		assert.Equal(t, 2*batchSize, client.moved(t, s))
	})
}

// What does not end in time costs nothing but reading again; the process ends within ten seconds.
func TestTheEndTakesAsLongAsOneTransactionMay(t *testing.T) {
	const tenants = 10_000
	for name, c := range map[string]struct {
		fails  func(ctx context.Context) error
		within time.Duration
		least  int
	}{
		"a quick one": {takes(time.Millisecond), batchTimeout, tenants},
		"a slow one":  {takes(200 * time.Millisecond), batchTimeout, 14 * batchSize},
		"a very slow": {takes(2 * time.Second), batchTimeout, batchSize},
		"one that hears of no deadline": {func(context.Context) error {
			time.Sleep(2 * time.Second)
			return nil
		}, 2 * 2 * time.Second, 2 * batchSize},
		"one that hangs": {hangs, batchTimeout, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			client := inMemory()
			st, stop := patiently(client)
			keys := moved(t, st, tenants)
			client.fail(c.fails)
			start := time.Now()
			stop()
			assert.LessOrEqual(t, time.Since(start), c.within, name)
			client.fail(nil)
			assert.GreaterOrEqual(t, client.moved(t, keys), c.least, name)
		})
	}
}

func TestTheEndTakesNoLongerWhileMuchIsBeingStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := inMemory()
		st, stop := patiently(client)
		moved(t, st, batchSize)
		client.fail(takes(1900 * time.Millisecond))
		failed := make(chan error)
		go func() {
			s, now := NewState(epoch), epoch
			fill(s, &now, 3*batchSize*segmentSize, time.Second)
			failed <- st.Save(t.Context(), alerts, s)
		}()
		synctest.Wait()
		start := time.Now()
		go stop()
		require.ErrorIs(t, <-failed, errHangs)
		synctest.Wait()
		assert.Equal(t, batchTimeout, time.Since(start))
	})
}

// hangs is a store that does not answer.
func hangs(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// takes is a store that answers after a time.
func takes(d time.Duration) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// moved stores the states of n tenants, and lets their cursors wait that moved by a day.
func moved(t *testing.T, st *Store, n int) (keys []Key) {
	t.Helper()
	for i := range n {
		s, key := NewState(epoch), Key{strconv.Itoa(i), "endpoint_alerts"}
		s.saved() // as if it had been
		s.Advance(epoch.Add(day))
		require.NoError(t, st.Save(t.Context(), key, s))
		keys = append(keys, key)
	}
	return keys
}

// moved is how many cursors are stored.
func (s *spy) moved(t *testing.T, keys []Key) (n int) {
	t.Helper()
	for _, key := range keys {
		if back := reopened(t, s, key); back != nil && back.Cursor == epoch.Add(day) {
			n++
		}
	}
	return n
}

func TestACursorThatCouldNotBeStoredIsStoredLater(t *testing.T) {
	for name, later := range map[string]func(stop func()){
		"by itself":                func(func()) { time.Sleep(Patience) },
		"at the end, half an hour": func(stop func()) { time.Sleep(30 * time.Minute); stop() },
		"at the end, at once":      func(stop func()) { stop() },
	} {
		for polls := range 3 { // that fail as well, before the store is well again
			synctest.Test(t, func(t *testing.T) {
				client := inMemory()
				st, stop := patiently(client)
				defer stop()
				s := saved(t, st, alerts, 1)
				s.Advance(epoch.Add(day))
				require.NoError(t, st.Save(t.Context(), alerts, s))
				client.fail(func(context.Context) error { return errDisk })
				time.Sleep(Patience + time.Second)
				for i := range polls {
					s.Advance(epoch.Add(day + time.Duration(i)))
					require.ErrorIs(t, st.Save(t.Context(), alerts, s), errDisk)
				}
				client.fail(nil)
				later(stop)
				synctest.Wait()
				assert.Equal(t, s.Cursor, reopened(t, client, alerts).Cursor, "%s, after %d polls", name, polls)
			})
		}
	}
}

func TestACursorThatWasStoredAfterAllMayWaitAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := inMemory()
		st, stop := patiently(client)
		defer stop()
		s := saved(t, st, alerts, 1)
		s.Advance(epoch.Add(day))
		require.NoError(t, st.Save(t.Context(), alerts, s))
		client.fail(func(context.Context) error { return errDisk })
		time.Sleep(Patience + time.Second)
		client.fail(nil)
		time.Sleep(Patience)
		before := len(client.made())
		s.Advance(epoch.Add(2 * day))
		require.NoError(t, st.Save(t.Context(), alerts, s))
		assert.Len(t, client.made(), before)
	})
}

func TestACursorThatCouldNotBeStoredStaysBehindANewerOne(t *testing.T) {
	for name, next := range map[string]func(s *State, now odata.Instant){
		"that waits":           func(s *State, now odata.Instant) { s.Advance(now) },
		"that does not":        func(s *State, now odata.Instant) { s.Remember("new", now, now); s.Advance(now) },
		"that forgets as well": func(s *State, now odata.Instant) { s.Remember("new", now, now); s.Advance(now); s.Forget(now, now) },
	} {
		synctest.Test(t, func(t *testing.T) {
			client := inMemory()
			st, stop := patiently(client)
			defer stop()
			s := saved(t, st, alerts, segmentSize)
			s.Advance(epoch.Add(day))
			require.NoError(t, st.Save(t.Context(), alerts, s))
			client.fail(func(ctx context.Context) error {
				_ = takes(time.Second)(ctx)
				return errDisk
			})
			time.Sleep(Patience + time.Millisecond) // the transaction is under way
			client.fail(nil)
			now := epoch.Add(60 * day)
			next(s, now)
			require.NoError(t, st.Save(t.Context(), alerts, s))
			for range 3 {
				time.Sleep(Patience)
				synctest.Wait()
				assert.Equal(t, now, reopened(t, client, alerts).Cursor, name)
			}
			assert.Equal(t, s.Known("new"), reopened(t, client, alerts).Known("new"), name)
		})
	}
}

func TestACursorThatCouldNotBeStoredIsToldToItsNextSave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := inMemory()
		st, stop := patiently(client)
		defer stop()
		s := saved(t, st, alerts, 1)
		s.Advance(epoch.Add(day))
		require.NoError(t, st.Save(t.Context(), alerts, s))
		client.fail(func(context.Context) error { return errDisk })
		time.Sleep(Patience + time.Second)
		for range 2 {
			require.ErrorIs(t, st.Save(t.Context(), alerts, s), errDisk, "also where nothing changed since")
		}
		client.fail(nil)
		require.NoError(t, st.Save(t.Context(), alerts, s))
		assert.Equal(t, epoch.Add(day), reopened(t, client, alerts).Cursor)
		s.Advance(epoch.Add(2 * day))
		before := len(client.made())
		require.NoError(t, st.Save(t.Context(), alerts, s))
		assert.Len(t, client.made(), before, "it may wait again")
	})
}

// Whatever fails in between, a restart finds every delivery whose save succeeded, and a cursor that was reached.
func TestACrashFindsWhatWasDelivered(t *testing.T) {
	for seed := range uint64(8) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 17))
			client := inMemory()
			chance := rand.New(rand.NewPCG(seed, 19))
			fails := func(ctx context.Context) error {
				if chance.IntN(3) == 0 {
					_ = takes(time.Duration(chance.IntN(4000)) * time.Millisecond)(ctx) // saves come meanwhile
				}
				if chance.IntN(4) == 0 {
					return errDisk
				}
				return ctx.Err()
			}
			client.fail(fails)
			st, stop := patiently(client)
			s, now := NewState(epoch), epoch
			var delivered []odata.Instant // whose save succeeded
			var unsure []odata.Instant    // whose save failed
			floor := epoch                // the cursor of the last save that did not wait, or was found after a restart
			for range 200 {
				now = now.Add(time.Duration(1+r.IntN(3600)) * time.Second)
				alone := r.IntN(3) > 0
				if !alone {
					s.Remember(strconv.FormatInt(int64(now), 10), now, now)
					unsure = append(unsure, now)
				}
				s.Advance(now)
				if st.Save(t.Context(), alerts, s) == nil {
					delivered, unsure = append(delivered, unsure...), nil
					if !alone {
						floor = now
					}
				}
				time.Sleep(time.Duration(r.IntN(8000)) * time.Millisecond)
				synctest.Wait()
				client.fail(nil)
				back := reopened(t, client, alerts)
				client.fail(fails)
				if back == nil {
					require.Empty(t, delivered)
					continue
				}
				require.GreaterOrEqual(t, back.Cursor, floor, "an older head was written after a newer one")
				require.LessOrEqual(t, back.Cursor, now)
				floor = back.Cursor
				for _, at := range delivered {
					require.True(t, back.Delivered(strconv.FormatInt(int64(at), 10), at))
				}
			}
			client.fail(nil)
			time.Sleep(2 * batchTimeout)
			s.Advance(now.Add(time.Hour))
			require.NoError(t, st.Save(t.Context(), alerts, s))
			stop()
			require.Equal(t, s.Cursor, reopened(t, client, alerts).Cursor)
		})
	}
}
