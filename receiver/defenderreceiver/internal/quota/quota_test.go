package quota

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func use(t *testing.T, b *Budget, now time.Time, n int) {
	t.Helper()
	for i := range n {
		require.Zero(t, b.Take(now), "request %d", i)
		b.Sent(now)
	}
}

func TestABurstMayUseTheWholeMinute(t *testing.T) {
	b := New(Limit{100, time.Minute}, Limit{1500, time.Hour})
	use(t, b, epoch, 100)
	assert.Equal(t, time.Minute+slack, b.Take(epoch))
	assert.Equal(t, 31*time.Second, b.Take(epoch.Add(30*time.Second)))
}

func TestTheTightestQuotaDecides(t *testing.T) {
	b := New(Limit{2, time.Minute}, Limit{3, time.Hour})
	use(t, b, epoch, 2)
	use(t, b, epoch.Add(2*time.Minute), 1)
	assert.Equal(t, time.Hour+slack-3*time.Minute, b.Take(epoch.Add(3*time.Minute)))
}

func TestRequestsInFlightCount(t *testing.T) {
	b := New(Limit{2, time.Minute})
	require.Zero(t, b.Take(epoch))
	require.Zero(t, b.Take(epoch))
	much := epoch.Add(time.Hour)
	assert.Equal(t, slack, b.Take(much), "the server may see both only now")
	b.Sent(much)
	assert.Equal(t, 31*time.Second, b.Take(much.Add(30*time.Second)), "one in flight, one half a minute ago")
	b.Unused()
	assert.Zero(t, b.Take(much), "what was never sent does not count")
}

func TestWithoutLimitsNobodyWaitsAndNothingIsKept(t *testing.T) {
	b := New()
	use(t, b, epoch, 5000)
	assert.Empty(t, b.sent)
	assert.True(t, b.Spare(epoch))
	b.Block(epoch.Add(time.Second))
	assert.Equal(t, time.Second, b.Take(epoch), "Retry-After holds for every API")
}

func TestBlockHoldsUntilTheLatestTime(t *testing.T) {
	b := New(Limit{10, time.Minute})
	b.Block(epoch.Add(10 * time.Second))
	b.Block(epoch.Add(5 * time.Second))
	assert.Equal(t, 10*time.Second, b.Take(epoch))
	assert.Equal(t, time.Nanosecond, b.Take(epoch.Add(10*time.Second-1)))
	assert.Zero(t, b.Take(epoch.Add(10*time.Second)))
}

func TestBlockAndQuotaWaitForTheLater(t *testing.T) {
	b := New(Limit{1, time.Minute})
	use(t, b, epoch, 1)
	b.Block(epoch.Add(30 * time.Second))
	assert.Equal(t, time.Minute+slack, b.Take(epoch))
	b.Block(epoch.Add(2 * time.Minute))
	assert.Equal(t, 2*time.Minute, b.Take(epoch))
}

func TestSpareMeansLessThanNineTenthsOfEveryQuota(t *testing.T) {
	b := New(Limit{10, time.Minute}, Limit{20, time.Hour})
	assert.True(t, b.Spare(epoch))
	use(t, b, epoch, 8)
	assert.True(t, b.Spare(epoch), "regular polls keep to eight tenths")
	require.Zero(t, b.Take(epoch))
	assert.False(t, b.Spare(epoch), "one in flight counts")
	b.Sent(epoch)
	assert.False(t, b.Spare(epoch))
	assert.False(t, b.Spare(epoch.Add(time.Minute+slack-1)))
	assert.True(t, b.Spare(epoch.Add(time.Minute+slack)), "the minute is over, the hour has 9 of 20")
	use(t, b, epoch.Add(2*time.Minute), 9)
	assert.False(t, b.Spare(epoch.Add(4*time.Minute)), "the hour has 18 of 20")
	assert.True(t, b.Spare(epoch.Add(2*time.Hour)))
}

func TestABlockedBudgetHasNothingToSpare(t *testing.T) {
	b := New(Limit{100, time.Minute})
	b.Block(epoch.Add(time.Second))
	assert.False(t, b.Spare(epoch))
	assert.True(t, b.Spare(epoch.Add(time.Second)))
}

func TestMemoryIsBoundedByTheQuota(t *testing.T) {
	b, now := New(Limit{100, time.Minute}, Limit{1500, time.Hour}), epoch
	for now.Before(epoch.Add(48 * time.Hour)) {
		if wait := b.Take(now); wait > 0 {
			now = now.Add(wait)
			continue
		}
		b.Sent(now)
		if len(b.sent) > 1500 {
			t.Fatalf("%d requests are kept", len(b.sent))
		}
	}
	assert.LessOrEqual(t, cap(b.sent), 3000)
}

func TestConcurrentUseNeverExceedsTheQuota(t *testing.T) {
	b := New(Limit{50, time.Minute})
	var mu sync.Mutex
	taken := 0
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				if b.Take(epoch) > 0 {
					continue
				}
				mu.Lock()
				taken++
				mu.Unlock()
				b.Spare(epoch)
				b.Sent(epoch)
			}
		})
	}
	all.Wait()
	assert.Equal(t, 50, taken)
}

func BenchmarkTakeAndSentWithAFullHour(b *testing.B) {
	for _, perHour := range []int{1500, 5000} {
		b.Run(fmt.Sprintf("%d per hour", perHour), func(b *testing.B) {
			budget, now := New(Limit{100, time.Minute}, Limit{perHour, time.Hour}), epoch
			step := (time.Hour + slack) / time.Duration(perHour)
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(step + 1)
				if budget.Take(now) == 0 {
					budget.Sent(now)
				}
			}
		})
	}
}
