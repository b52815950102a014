package checkpoint

import (
	"context"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func requireSpaced(t *testing.T, transactions []time.Time, spacing time.Duration) {
	t.Helper()
	for i := 1; i < len(transactions); i++ {
		require.GreaterOrEqual(t, transactions[i].Sub(transactions[i-1]), spacing)
	}
}

func TestManySavesShareTransactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := inMemory()
		st, start := serving(t, client, Spacing), time.Now()
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				key, now := Key{strconv.Itoa(i), "graph_alerts"}, epoch
				s := NewState(epoch)
				for range 20 {
					fill(s, &now, 1, time.Second)
					before := time.Now()
					if err := st.Save(t.Context(), key, s); err != nil {
						t.Error(err)
						return
					}
					assert.LessOrEqual(t, time.Since(before), 2*Spacing)
					time.Sleep(time.Duration(i) * time.Millisecond)
				}
			})
		}
		all.Wait()
		requireSpaced(t, client.transactions, Spacing)
		assert.LessOrEqual(t, len(client.transactions), int(time.Since(start)/Spacing)+2)
		assert.Less(t, len(client.transactions), 200, "of 2,000 saves")
	})
}

func TestASingleSaveDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := inMemory()
		st, start := serving(t, client, Spacing), time.Now()
		s := saved(t, st, alerts, 1)
		assert.Zero(t, time.Since(start))
		time.Sleep(time.Hour)
		s.Advance(epoch.Add(time.Hour))
		require.NoError(t, st.Save(t.Context(), alerts, s))
		assert.Equal(t, time.Hour, time.Since(start), "long after the one before")
		s.Advance(epoch.Add(2 * time.Hour))
		require.NoError(t, st.Save(t.Context(), alerts, s))
		assert.Equal(t, time.Hour+Spacing, time.Since(start))
	})
}

func TestATransactionIsNoLargerThanSQLTakes(t *testing.T) {
	client := inMemory()
	saved(t, serving(t, client, 0), alerts, 250*segmentSize)
	assert.Equal(t, []int{batchSize, 51}, client.sizes)
	assert.Equal(t, keyOf(alerts, ""), client.sets[len(client.sets)-1], "the head comes last")
}

func TestOneFailureIsToldToEveryWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := inMemory()
		st := serving(t, client, Spacing)
		saved(t, st, alerts, 1)
		client.fails = func(context.Context) error { return errDisk }
		errs := make(chan error)
		for i := range 5 {
			go func() { errs <- st.Save(t.Context(), Key{strconv.Itoa(i), "x"}, NewState(epoch)) }()
		}
		for range 5 {
			require.ErrorIs(t, <-errs, errDisk)
		}
		assert.Len(t, client.transactions, 2)
	})
}

func TestAStoreThatHangsHangsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := inMemory()
		client.fails = func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}
		st := NewStore(client, Spacing)
		serveCtx, stop := context.WithCancel(t.Context())
		served := make(chan struct{})
		go func() {
			st.Serve(serveCtx)
			close(served)
		}()
		s, start := NewState(epoch), time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, st.Save(ctx, alerts, s), context.DeadlineExceeded)
		assert.Equal(t, time.Second, time.Since(start))
		stop()
		<-served
		assert.Equal(t, batchTimeout, time.Since(start))
		client.fails = nil

		require.NoError(t, serving(t, client, 0).Save(t.Context(), alerts, s), "it still knows what is to be stored")
		assert.Equal(t, []string{keyOf(alerts, "")}, client.written())
	})
}

func TestWhatWasTakenIsStoredAlsoAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := inMemory()
		st := NewStore(client, time.Hour)
		ctx, stop := context.WithCancel(t.Context())
		go st.Serve(ctx)
		saved(t, st, graph, 1)
		done := make(chan error)
		go func() { done <- st.Save(t.Context(), alerts, NewState(epoch)) }()
		synctest.Wait() // it waits for its transaction, an hour ahead
		client.written()
		stop()
		require.NoError(t, <-done)
		assert.Equal(t, []string{keyOf(alerts, "")}, client.written())
	})
}

func TestSaveFailsAtOnceWhenTheStoreHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := NewStore(inMemory(), 0)
		ctx, stop := context.WithCancel(t.Context())
		stop()
		st.Serve(ctx)
		require.ErrorIs(t, st.Save(t.Context(), alerts, NewState(epoch)), errEnded)
	})
}

func TestSaveEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := NewStore(inMemory(), 0).Save(ctx, alerts, NewState(epoch)) // nobody serves
	require.ErrorIs(t, err, context.Canceled)
}

func TestAHeadIsNeverWrittenBeforeItsSegments(t *testing.T) {
	client := inMemory()
	st := serving(t, client, time.Millisecond)
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			now, s := epoch, NewState(epoch)
			key := Key{strconv.Itoa(i), "graph_alerts"}
			for range 3 {
				fill(s, &now, 8*segmentSize, time.Second)
				assert.NoError(t, st.Save(t.Context(), key, s))
			}
		})
	}
	all.Wait()
	position := func(key string) int { return slices.Index(client.sets, key) }
	for i := range 12 {
		key := Key{strconv.Itoa(i), "graph_alerts"}
		require.Less(t, position(key.segment(7)), position(key.head()))
	}
}

func BenchmarkSaveOfAQuietTenant(b *testing.B) {
	st := NewStore(inMemory(), 0)
	ctx, cancel := context.WithCancel(b.Context())
	var serve sync.WaitGroup
	serve.Go(func() { st.Serve(ctx) })
	s, now := NewState(epoch), epoch
	fill(s, &now, segmentSize/2, time.Second)
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Minute)
		s.Advance(now)
		if err := st.Save(ctx, alerts, s); err != nil {
			b.Fatal(err)
		}
	}
	cancel()
	serve.Wait()
}

// BenchmarkEncode is what a poll with one new record prepares for the transaction, with a segment that is nearly full.
func BenchmarkEncode(b *testing.B) {
	s, now := NewState(epoch), epoch
	fill(s, &now, segmentSize-1, time.Second)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.operations(alerts); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkStateInMemory reports what a remembered version takes.
func BenchmarkStateInMemory(b *testing.B) {
	const versions = 50_000
	var before, after runtime.MemStats
	var kept *State
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		s, now := NewState(epoch), epoch
		fill(s, &now, versions, time.Second)
		runtime.GC()
		runtime.ReadMemStats(&after)
		kept = s
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/versions, "B/version")
	runtime.KeepAlive(kept)
}
