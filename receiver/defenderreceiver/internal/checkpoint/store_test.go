package checkpoint

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/storagetest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
)

var (
	defender = component.MustNewID("defender")
	alerts   = Key{"72f988bf-86f1-41af-91ab-2d7cd011db47", "endpoint_alerts"}
	graph    = Key{"72f988bf-86f1-41af-91ab-2d7cd011db47", "graph_alerts"}
	errDisk  = errors.New("disk full")
)

// spy notes the transactions of a client, and lets them fail.
type spy struct {
	storage.Client
	mu           sync.Mutex
	sets         []string // keys in order
	deletes      []string
	transactions []time.Time
	sizes        []int
	fails        func(ctx context.Context) error
	deleting     func(key string) // is called before a transaction that ends with a deletion
}

func inMemory() *spy {
	return &spy{Client: storagetest.NewInMemoryClient(component.KindReceiver, defender, "")}
}

func (s *spy) failing(ctx context.Context) error {
	s.mu.Lock()
	fails := s.fails
	s.mu.Unlock()
	if fails == nil {
		return nil
	}
	return fails(ctx)
}

// fail lets transactions fail while the store is at work.
func (s *spy) fail(fails func(ctx context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fails = fails
}

// made are the times of the transactions so far.
func (s *spy) made() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.transactions)
}

func (s *spy) Get(ctx context.Context, key string) ([]byte, error) {
	if err := s.failing(ctx); err != nil {
		return nil, err
	}
	return s.Client.Get(ctx, key)
}

func (s *spy) Batch(ctx context.Context, ops ...*storage.Operation) error {
	s.mu.Lock()
	s.transactions, s.sizes = append(s.transactions, time.Now()), append(s.sizes, len(ops))
	s.mu.Unlock()
	if err := s.failing(ctx); err != nil {
		return err
	}
	if last := ops[len(ops)-1]; last.Type == storage.Delete && s.deleting != nil {
		s.deleting(last.Key)
	}
	s.mu.Lock()
	for _, op := range ops {
		switch op.Type {
		case storage.Set:
			s.sets = append(s.sets, op.Key)
		case storage.Delete:
			s.deletes = append(s.deletes, op.Key)
		case storage.Get:
		}
	}
	s.mu.Unlock()
	return s.Client.Batch(ctx, ops...)
}

// written are the keys that were set since the last call.
func (s *spy) written() []string {
	defer func() { s.sets = nil }()
	return s.sets
}

// serving returns a store that writes until the test ends.
func serving(t *testing.T, client storage.Client, spacing time.Duration) *Store {
	st := NewStore(client, spacing)
	ctx, cancel := context.WithCancel(context.Background())
	var serve sync.WaitGroup
	serve.Go(func() { st.Serve(ctx) })
	t.Cleanup(func() {
		cancel()
		serve.Wait()
	})
	return st
}

// saved stores a state with n deliveries.
func saved(t *testing.T, st *Store, key Key, n int) *State {
	s, now := NewState(epoch), epoch
	st.Keep(key, s)
	fill(s, &now, n, time.Second)
	s.Advance(now)
	require.NoError(t, st.Save(t.Context(), key, s))
	return s
}

func keyOf(k Key, segment string) string { return "v1/" + k.Tenant + "/" + k.Source + segment }

func TestAStateSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	open := func() storage.Client {
		return storagetest.NewFileBackedClient(component.KindReceiver, defender, "", dir)
	}
	client := open()
	before := saved(t, serving(t, client, 0), alerts, 250*segmentSize+7) // more than one transaction reads
	require.NoError(t, client.Close(t.Context()))

	client = open()
	st := serving(t, client, 0)
	after, err := st.Open(t.Context(), alerts)
	require.NoError(t, err)
	after.table.seed = before.table.seed // each state has another one
	after.reindex()
	assert.Equal(t, before, after)
	again, err := st.Open(t.Context(), alerts)
	require.NoError(t, err)
	assert.Same(t, after, again)
	other, err := st.Open(t.Context(), graph)
	require.NoError(t, err)
	assert.Nil(t, other, "another source has a state of its own")
}

func TestOnlyWhatChangedIsWritten(t *testing.T) {
	client := inMemory()
	st := serving(t, client, 0)
	s, now := saved(t, st, alerts, 3*segmentSize-1), epoch.Add(1000*time.Hour)
	assert.Equal(t, []string{keyOf(alerts, "/0"), keyOf(alerts, "/1"), keyOf(alerts, "/2"), keyOf(alerts, "")}, client.written())

	require.NoError(t, st.Save(t.Context(), alerts, s))
	assert.Empty(t, client.written(), "nothing changed")
	s.Advance(now)
	require.NoError(t, st.Save(t.Context(), alerts, s))
	assert.Equal(t, []string{keyOf(alerts, "")}, client.written(), "the cursor alone")
	fill(s, &now, 1, time.Second)
	require.NoError(t, st.Save(t.Context(), alerts, s))
	assert.Equal(t, []string{keyOf(alerts, "/2"), keyOf(alerts, "")}, client.written())
	fill(s, &now, 1, time.Second)
	require.NoError(t, st.Save(t.Context(), alerts, s))
	assert.Equal(t, []string{keyOf(alerts, "/3"), keyOf(alerts, "")}, client.written(), "a full segment is never written again")

	now = now.Add(40 * day)
	s.Forget(now, now)
	require.NoError(t, st.Save(t.Context(), alerts, s))
	assert.Equal(t, []string{keyOf(alerts, "")}, client.written())
	assert.Equal(t, []string{keyOf(alerts, "/0"), keyOf(alerts, "/1"), keyOf(alerts, "/2")}, client.deletes)
	s.Advance(now.Add(time.Hour))
	require.NoError(t, st.Save(t.Context(), alerts, s))
	assert.Len(t, client.deletes, 3, "deleted once")
	again, err := NewStore(client, 0).Open(t.Context(), alerts)
	require.NoError(t, err)
	assert.Equal(t, s.Forgets(), again.Forgets())
}

func TestStoredKeysSuitEveryStore(t *testing.T) {
	client := inMemory()
	st := serving(t, client, 0)
	saved(t, st, alerts, 2*segmentSize)
	require.NoError(t, st.Retain(t.Context(), []Key{alerts}, time.Now()))
	for _, key := range client.written() {
		assert.Regexp(t, `^[a-z0-9/_-]+$`, key)
	}
}

func TestWhatCouldNotBeStoredIsStoredLater(t *testing.T) {
	client := inMemory()
	st := serving(t, client, 0)
	s, now := saved(t, st, alerts, segmentSize), epoch.Add(50*day)
	client.written()
	fill(s, &now, 1, time.Second)
	s.Forget(now, now)
	s.Advance(now)
	for range 3 {
		client.fails = func(context.Context) error { return errDisk }
		err := st.Save(t.Context(), alerts, s)
		require.ErrorIs(t, err, errDisk)
		require.ErrorContains(t, err, alerts.String())
		assert.NotContains(t, err.Error(), "\n")
	}
	client.fails = nil
	require.NoError(t, st.Save(t.Context(), alerts, s))
	assert.Equal(t, []string{keyOf(alerts, "/1"), keyOf(alerts, "")}, client.written())
	assert.Equal(t, []string{keyOf(alerts, "/0")}, client.deletes)
}

func TestATransientErrorIsNotUnreadable(t *testing.T) {
	client := inMemory()
	saved(t, serving(t, client, 0), alerts, 10)
	for fine := range 2 { // the head, then the segments
		calls := 0
		client.fails = func(context.Context) error {
			if calls++; calls > fine {
				return errDisk
			}
			return nil
		}
		st := NewStore(client, 0)
		s, err := st.Open(t.Context(), alerts)
		require.ErrorIs(t, err, errDisk)
		var unreadable *UnreadableError
		require.NotErrorAs(t, err, &unreadable)
		require.Nil(t, s, "half a state would repeat what it does not know")
		client.fails = nil
		s, err = st.Open(t.Context(), alerts)
		require.NoError(t, err)
		assert.Equal(t, 10, known(s))
	}
}

func TestAnUnreadableHead(t *testing.T) {
	for name, value := range map[string]string{"corrupt": "{", "newer": strings.Replace(goodHead, `"v":1`, `"v":2`, 1)} {
		client := inMemory()
		require.NoError(t, client.Set(t.Context(), keyOf(alerts, ""), []byte(value)))
		s, err := NewStore(client, 0).Open(t.Context(), alerts)
		var unreadable *UnreadableError
		require.ErrorAs(t, err, &unreadable, name)
		assert.Equal(t, keyOf(alerts, ""), unreadable.Key)
		assert.Nil(t, s)
	}
}

func TestAnEmptyValueIsAnAbsentOne(t *testing.T) {
	client := inMemory()
	require.NoError(t, client.Set(t.Context(), keyOf(alerts, ""), []byte{}))
	s, err := NewStore(client, 0).Open(t.Context(), alerts)
	require.NoError(t, err)
	assert.Nil(t, s)
}

func TestOfUnreadableSegmentsTheOthersAreUsed(t *testing.T) {
	client := inMemory()
	st := serving(t, client, 0)
	was := saved(t, st, alerts, 5*segmentSize)
	require.NoError(t, client.Delete(t.Context(), keyOf(alerts, "/0")))
	require.NoError(t, client.Set(t.Context(), keyOf(alerts, "/2"), []byte(`{"v":1`)))
	require.NoError(t, client.Set(t.Context(), keyOf(alerts, "/4"), []byte(`{"v":2}`)))

	st = serving(t, client, 0)
	s, err := st.Open(t.Context(), alerts)
	var unreadable *UnreadableError
	require.ErrorAs(t, err, &unreadable)
	assert.Equal(t, keyOf(alerts, "/0"), unreadable.Key)
	require.ErrorContains(t, err, "2 more segments")
	require.NotNil(t, s)
	assert.Equal(t, was.Cursor, s.Cursor, "the cursor stands: repeats, not losses")
	assert.Equal(t, 2*segmentSize, known(s))
	assert.Equal(t, s.Cursor, s.Forgets(), "what was lost was delivered before")

	now := epoch.Add(1000 * time.Hour)
	fill(s, &now, 3, time.Second)
	require.NoError(t, st.Save(t.Context(), alerts, s))
	back, _ := NewStore(client, 0).Open(t.Context(), alerts)
	assert.Equal(t, 2*segmentSize+3, known(back))
	assert.Equal(t, s.Forgets(), back.Forgets())
}

func TestACorruptHeadCostsAShortErrorOnly(t *testing.T) {
	client := inMemory()
	value := strings.Replace(goodHead, `"next":5`, `"next":65539`, 1)
	require.NoError(t, client.Set(t.Context(), keyOf(alerts, ""), []byte(value)))
	_, err := NewStore(client, 0).Open(t.Context(), alerts)
	require.ErrorContains(t, err, "65535 more segments")
	assert.Less(t, len(err.Error()), 500)
	assert.LessOrEqual(t, slices.Max(client.sizes), batchSize)
}

func TestKeepReplacesTheStateInMemory(t *testing.T) {
	st := NewStore(inMemory(), 0)
	s := NewState(odata.Instant(1))
	st.Keep(alerts, s)
	got, err := st.Open(t.Context(), alerts)
	require.NoError(t, err)
	assert.Same(t, s, got)
}
