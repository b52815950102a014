package tenants

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
)

func list(ids ...string) []entraauth.Tenant {
	tenants := []entraauth.Tenant{}
	for _, id := range ids {
		tenants = append(tenants, entraauth.Tenant{ID: id})
	}
	return tenants
}

func TestWatch(t *testing.T) {
	var d Directory
	d.Set(list("a"))
	var got [][]entraauth.Tenant
	stop := d.Watch(func(tenants []entraauth.Tenant) { got = append(got, tenants) })
	require.Equal(t, [][]entraauth.Tenant{list("a")}, got, "once before it returns")
	got[0][0].ID = "scribbled"

	second := 0
	stopSecond := d.Watch(func(tenants []entraauth.Tenant) {
		second++
		assert.NotEqual(t, "scribbled", tenants[0].ID, "each has a list of its own")
	})
	d.Set(list("a", "b"))
	require.Len(t, got, 2)
	assert.Equal(t, list("a", "b"), got[1])
	stop()
	stop()
	d.Set(list("c"))
	assert.Len(t, got, 2, "nothing after stop")
	assert.Equal(t, 3, second)
	stopSecond()
	assert.Empty(t, d.watchers)
}

func TestWatchBeforeThereIsAList(t *testing.T) {
	var d Directory
	calls := 0
	defer d.Watch(func(tenants []entraauth.Tenant) {
		calls++
		assert.Empty(t, tenants)
	})()
	assert.Equal(t, 1, calls)
}

func TestWatchersAreCalledOneAtATimeAndEndWithTheNewest(t *testing.T) {
	var d Directory
	var running, after atomic.Int32
	var stopped atomic.Bool
	var last atomic.Pointer[entraauth.Tenant]
	stop := d.Watch(func(tenants []entraauth.Tenant) {
		assert.EqualValues(t, 1, running.Add(1))
		defer running.Add(-1)
		if stopped.Load() {
			after.Add(1)
		}
		if len(tenants) > 0 {
			last.Store(&tenants[0])
		}
	})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				d.Set(list("x"))
				d.Watch(func([]entraauth.Tenant) {})()
			}
		})
	}
	wg.Wait()
	d.Set(list("newest"))
	assert.Equal(t, "newest", last.Load().ID)
	wg.Go(func() { d.Set(list("later")) })
	stop()
	stopped.Store(true)
	wg.Wait()
	assert.Zero(t, after.Load())
}
