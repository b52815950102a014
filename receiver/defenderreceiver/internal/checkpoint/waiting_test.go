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
			fails := func(context.Context) error {
				if chance.IntN(4) == 0 {
					return errDisk
				}
				return nil
			}
			client.fail(fails)
			st, stop := patiently(client)
			s, now := NewState(epoch), epoch
			var delivered []odata.Instant // whose save succeeded
			var unsure []odata.Instant    // whose save failed
			floor := epoch                // the cursor of the last save that may not wait
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
				require.GreaterOrEqual(t, back.Cursor, floor)
				require.LessOrEqual(t, back.Cursor, now)
				for _, at := range delivered {
					require.True(t, back.Delivered(strconv.FormatInt(int64(at), 10), at))
				}
			}
			stop()
		})
	}
}
