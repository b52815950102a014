package checkpoint

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/storagetest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
)

var (
	today    = epoch.Time()
	fabrikam = Key{"11111111-86f1-41af-91ab-2d7cd011db47", "endpoint_alerts"}
)

// left are the stored keys of a state.
func (s *spy) left(t *testing.T, key Key) int {
	t.Helper()
	n := 0
	for seq := range uint32(10) {
		value, err := s.Client.Get(t.Context(), key.segment(seq))
		require.NoError(t, err)
		if value != nil {
			n++
		}
	}
	value, err := s.Client.Get(t.Context(), key.head())
	require.NoError(t, err)
	if value != nil {
		n++
	}
	return n
}

func TestARemovedStateIsKeptForThirtyDaysAndThenGone(t *testing.T) {
	client := inMemory()
	st := serving(t, client, 0)
	saved(t, st, alerts, 3*segmentSize)
	saved(t, st, fabrikam, 1)
	retain := func(after time.Duration, active ...Key) {
		require.NoError(t, st.Retain(t.Context(), active, today.Add(after)))
	}
	retain(0, alerts, fabrikam)
	retain(day, fabrikam)
	retain(2*day, fabrikam)
	retain(31*day-time.Second, fabrikam)
	assert.Equal(t, 4, client.left(t, alerts))
	retain(31*day, fabrikam)
	assert.Zero(t, client.left(t, alerts), "with all its segments")
	assert.Equal(t, 2, client.left(t, fabrikam))
	s, err := st.Open(t.Context(), alerts)
	require.NoError(t, err)
	assert.Nil(t, s, "not in memory either")

	client.deletes = nil
	retain(100*day, fabrikam)
	assert.Empty(t, client.deletes, "it is not listed any more")
}

func TestATenantThatReturnsInTimeGoesOn(t *testing.T) {
	client := inMemory()
	st := serving(t, client, 0)
	was := saved(t, st, alerts, 5)
	require.NoError(t, st.Retain(t.Context(), []Key{alerts}, today))
	require.NoError(t, st.Retain(t.Context(), nil, today.Add(day)))
	require.NoError(t, st.Retain(t.Context(), []Key{alerts}, today.Add(30*day)))
	require.NoError(t, st.Retain(t.Context(), nil, today.Add(40*day)))
	require.NoError(t, st.Retain(t.Context(), nil, today.Add(69*day)), "the 30 days begin anew")
	s, err := NewStore(client, 0).Open(t.Context(), alerts)
	require.NoError(t, err)
	assert.Equal(t, was.Cursor, s.Cursor)
	assert.Equal(t, 2, client.left(t, alerts))
}

func TestOneSourceOfATenantMayGo(t *testing.T) {
	client := inMemory()
	st := serving(t, client, 0)
	saved(t, st, alerts, 1)
	saved(t, st, graph, 1)
	require.NoError(t, st.Retain(t.Context(), []Key{alerts, graph}, today))
	require.NoError(t, st.Retain(t.Context(), []Key{graph}, today))
	require.NoError(t, st.Retain(t.Context(), []Key{graph}, today.Add(30*day)))
	assert.Zero(t, client.left(t, alerts))
	assert.Equal(t, 2, client.left(t, graph))
}

func TestTheIndexSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	for i, after := range []time.Duration{0, day, 31 * day} {
		client := &spy{Client: storagetest.NewFileBackedClient(component.KindReceiver, defender, "", dir)}
		st := serving(t, client, 0)
		var active []Key
		if i == 0 {
			saved(t, st, alerts, 2*segmentSize)
			active = []Key{alerts}
		}
		require.NoError(t, st.Retain(t.Context(), active, today.Add(after)))
		assert.Equal(t, []int{3, 3, 0}[i], client.left(t, alerts), "life %d", i)
		require.NoError(t, client.Close(t.Context()))
	}
}

func TestTheIndexIsWrittenOnlyWhenItChanges(t *testing.T) {
	client := inMemory()
	st := serving(t, client, 0)
	for range 3 {
		require.NoError(t, st.Retain(t.Context(), []Key{alerts}, today))
	}
	assert.Equal(t, []string{indexKey}, client.written())
	for i := range 3 {
		require.NoError(t, st.Retain(t.Context(), nil, today.Add(time.Duration(i)*day)))
	}
	assert.Equal(t, []string{indexKey}, client.written())
}

func TestAnIndexThatCannotBeReadBeginsAnew(t *testing.T) {
	for name, value := range map[string]string{
		"empty": "", "cut": `{"v":1,"rem`, "newer": `{"v":2,"removed":{"x/y":1}}`, "without a list": `{"v":1}`, "null": `null`,
		"another shape": `{"v":1,"removed":["a"]}`,
	} {
		t.Run(name, func(t *testing.T) {
			client := inMemory()
			st := serving(t, client, 0)
			saved(t, st, alerts, 1)
			require.NoError(t, client.Set(t.Context(), indexKey, []byte(value)))
			require.NoError(t, st.Retain(t.Context(), []Key{alerts}, today))
			assert.Empty(t, client.deletes)
			require.NoError(t, st.Retain(t.Context(), nil, today))
			require.NoError(t, st.Retain(t.Context(), nil, today.Add(30*day)))
			assert.Zero(t, client.left(t, alerts), "it is listed again")
		})
	}
}

func TestStrangeNamesInTheIndexDeleteNothingElse(t *testing.T) {
	client := inMemory()
	st := serving(t, client, 0)
	saved(t, st, alerts, 1)
	require.NoError(t, client.Set(t.Context(), indexKey,
		[]byte(`{"v":1,"removed":{"":1,"/":1,"index":1,"../x":1,"`+alerts.String()+`":0}}`)))
	require.NoError(t, st.Retain(t.Context(), []Key{alerts}, today))
	assert.Equal(t, 2, client.left(t, alerts))
	value, err := client.Get(t.Context(), indexKey)
	require.NoError(t, err)
	assert.JSONEq(t, `{"v":1,"removed":{"`+alerts.String()+`":0}}`, string(value))
}

func TestARemovalThatFailsIsTriedAgain(t *testing.T) {
	client := inMemory()
	st := serving(t, client, 0)
	saved(t, st, alerts, 250*segmentSize)
	require.NoError(t, st.Retain(t.Context(), []Key{alerts}, today))
	require.NoError(t, st.Retain(t.Context(), nil, today))

	client.fails = func(context.Context) error { // after the first of two transactions
		if len(client.deletes) > 0 {
			return errDisk
		}
		return nil
	}
	require.ErrorIs(t, st.Retain(t.Context(), nil, today.Add(30*day)), errDisk)
	require.NotZero(t, client.left(t, alerts)+len(client.deletes))
	client.fails = nil
	require.NoError(t, st.Retain(t.Context(), nil, today.Add(31*day)))
	for seq := range uint32(250) {
		require.True(t, slices.Contains(client.deletes, alerts.segment(seq)), "segment %d is there for ever", seq)
	}
	assert.Zero(t, client.left(t, alerts))
}

func TestAStateWithAnUnreadableHeadCanBeRemoved(t *testing.T) {
	client := inMemory()
	st := serving(t, client, 0)
	require.NoError(t, client.Set(t.Context(), alerts.head(), []byte("{")))
	require.NoError(t, st.Retain(t.Context(), []Key{alerts}, today))
	require.NoError(t, st.Retain(t.Context(), nil, today))
	require.NoError(t, st.Retain(t.Context(), nil, today.Add(30*day)))
	assert.Zero(t, client.left(t, alerts))
}

// returned are the removed tenants of a store after a restart, 30 days later.
func returned(t *testing.T, client *spy, keys ...Key) *Store {
	t.Helper()
	st := serving(t, client, 0)
	for _, key := range keys {
		saved(t, st, key, 2*segmentSize)
	}
	require.NoError(t, st.Retain(t.Context(), keys, today))
	require.NoError(t, st.Retain(t.Context(), nil, today))
	st = serving(t, client, 0)
	for range 2 {
		require.NoError(t, st.Retain(t.Context(), nil, today.Add(day)))
	}
	return st
}

// requireGoesOn polls with a state that was opened, and restarts.
func requireGoesOn(t *testing.T, client *spy, st *Store, key Key) {
	t.Helper()
	s, err := st.Open(t.Context(), key)
	require.NoError(t, err)
	now := epoch.Add(100 * day)
	fill(s, &now, 1, time.Second)
	require.NoError(t, st.Save(t.Context(), key, s))
	assert.Equal(t, 2*segmentSize+1, known(reopened(t, client, key)), "else what was delivered would come again")
}

func TestATenantThatReturnsWhileOthersExpireGoesOn(t *testing.T) {
	keys := []Key{alerts, graph, fabrikam}
	client := inMemory()
	st := returned(t, client, keys...)
	var back []Key
	client.deleting = func(first string) {
		client.deleting = nil
		for _, key := range keys {
			if key.head() != first {
				if s, _ := st.Open(t.Context(), key); s != nil {
					back = append(back, key)
				}
			}
		}
	}
	require.NoError(t, st.Retain(t.Context(), nil, today.Add(30*day)))
	require.Len(t, back, 2)
	for _, key := range back {
		requireGoesOn(t, client, st, key)
	}
	for _, after := range []time.Duration{31 * day, 100 * day} {
		require.NoError(t, st.Retain(t.Context(), back, today.Add(after)))
	}
	assert.Equal(t, []int{4, 4}, []int{client.left(t, back[0]), client.left(t, back[1])})
}

// The keys that are active are listed before Retain begins.
func TestATenantThatReturnsBeforeOthersExpireGoesOn(t *testing.T) {
	client := inMemory()
	st := returned(t, client, alerts)
	_, err := st.Open(t.Context(), alerts)
	require.NoError(t, err)
	require.NoError(t, st.Retain(t.Context(), nil, today.Add(30*day)))
	requireGoesOn(t, client, st, alerts)

	require.NoError(t, st.Retain(t.Context(), nil, today.Add(31*day)))
	require.NoError(t, st.Retain(t.Context(), nil, today.Add(60*day-time.Second)))
	assert.Equal(t, 4, client.left(t, alerts), "30 days from when it was opened")
	require.NoError(t, st.Retain(t.Context(), nil, today.Add(60*day)))
	assert.Zero(t, client.left(t, alerts), "it went again")
}

func TestATenantThatReturnsWhileItIsDeletedBeginsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := inMemory()
		st := returned(t, client, alerts)
		type result struct {
			s   *State
			err error
		}
		opened, impatient := make(chan result, 1), result{}
		client.deleting = func(string) {
			client.deleting = nil
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			impatient.s, impatient.err = st.Open(ctx, alerts)
			go func() {
				s, err := st.Open(t.Context(), alerts)
				opened <- result{s, err}
			}()
			synctest.Wait()
		}
		require.NoError(t, st.Retain(t.Context(), nil, today.Add(30*day)))
		require.ErrorIs(t, impatient.err, context.DeadlineExceeded, "half of it is there")
		assert.Equal(t, result{}, <-opened)
		saved(t, st, alerts, 1)
		require.NoError(t, st.Retain(t.Context(), []Key{alerts}, today.Add(31*day)))
		assert.Equal(t, 2, client.left(t, alerts))
	})
}

func TestACursorOfATenantThatIsGoneIsNotStoredAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := inMemory()
		st, stop := patiently(client)
		s := saved(t, st, alerts, 1)
		require.NoError(t, st.Retain(t.Context(), []Key{alerts}, today))
		for range 2 {
			require.NoError(t, st.Retain(t.Context(), nil, today))
		}
		s.Advance(epoch.Add(day))
		require.NoError(t, st.Save(t.Context(), alerts, s), "it waits")
		require.NoError(t, st.Retain(t.Context(), nil, today.Add(30*day)))
		stop()
		assert.Zero(t, client.left(t, alerts))
	})
}

func TestRetainReportsATransientError(t *testing.T) {
	client := inMemory()
	client.fails = func(context.Context) error { return errDisk }
	require.ErrorIs(t, serving(t, client, 0).Retain(t.Context(), []Key{alerts}, today), errDisk)
}

func TestKeysAreOrdered(t *testing.T) {
	keys := []Key{alerts, graph, fabrikam}
	slices.SortFunc(keys, Key.Compare)
	assert.Equal(t, []Key{fabrikam, alerts, graph}, keys)
	assert.Equal(t, alerts.Tenant+"/"+alerts.Source, alerts.String())
}
