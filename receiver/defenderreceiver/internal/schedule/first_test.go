package schedule

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// However many are overdue: a stall must not end in a burst.
func TestFirstRunsKeepTheirDistance(t *testing.T) {
	const every = 10 * time.Millisecond
	for name, stall := range map[string]time.Duration{"undisturbed": 0, "after a stall": 5 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, start := New(4, every), time.Now()
				var mu sync.Mutex
				var begun []time.Time
				note := func() int {
					mu.Lock()
					defer mu.Unlock()
					begun = append(begun, time.Now())
					return len(begun)
				}
				for i := range 1_000 {
					s.Add(strconv.Itoa(i), start, func(context.Context) Next {
						if n := note(); n > 100 && n <= 103 { // all slots that first runs may have
							time.Sleep(stall)
						}
						return Next{At: time.Now().Add(time.Hour)}
					})
				}
				serve(t, s)
				time.Sleep(time.Minute)
				mu.Lock()
				defer mu.Unlock()
				require.Len(t, begun, 1_000)
				assert.Equal(t, start, begun[0], "the first one at once")
				for first, last := 0, 0; last < len(begun); last++ {
					for begun[last].Sub(begun[first]) >= time.Second {
						first++
					}
					require.LessOrEqual(t, last-first+1, 100+maxCatchUp, "in the second before run %d", last)
				}
				assert.LessOrEqual(t, begun[999].Sub(start), 999*every+stall)
			})
		})
	}
}

// Tenants that are added later do not hold up the others.
func TestFirstRunsHoldNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d, start := New(4, time.Second), &diary{}, time.Now()
		s.Add("old", start, func(context.Context) Next {
			d.note("old")
			return Next{At: time.Now().Add(10*time.Second + 250*time.Millisecond)}
		})
		serve(t, s)
		time.Sleep(time.Second)
		for i := range 60 {
			s.Add(strconv.Itoa(i), time.Now(), d.takes("new", 0))
		}
		time.Sleep(9*time.Second + 500*time.Millisecond)
		assert.Equal(t, "old"+strings.Repeat(" new", 10+maxCatchUp)+" old", d.String())
	})
}

func TestStartedIsWhenTheLastFirstRunBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, start := New(4, time.Second), time.Now()
		for i := range 60 {
			s.Add(strconv.Itoa(i), start, func(context.Context) Next { return Next{At: time.Now().Add(time.Hour)} })
		}
		serve(t, s)
		time.Sleep(10*time.Second + 500*time.Millisecond)
		assert.Equal(t, start.Add(time.Minute-maxCatchUp*time.Second), s.Started())
		time.Sleep(time.Hour)
		assert.Zero(t, s.Started(), "nobody waits any more")
	})
}
