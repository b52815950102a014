package refresh

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// disk is a storage that one client at a time may have open, as file_storage is.
type disk struct {
	mu     sync.Mutex
	values map[string][]byte
	open   bool
	opened int
	// taken is how many times somebody else has it open.
	taken  int
	broken error
	panics bool
	// lost is how many values are gone once it is closed.
	lost int
}

var errTaken = errors.New("timeout")

func (d *disk) client(context.Context) (storage.Client, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.opened++
	if d.taken > 0 {
		d.taken--
		return nil, errTaken
	}
	if d.open {
		return nil, errors.New("opened twice")
	}
	if d.values == nil {
		d.values = map[string][]byte{}
	}
	d.open = true
	return (*session)(d), nil
}

type session disk

func (s *session) Get(_ context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.panics {
		panic("page 3 is not a leaf")
	}
	return s.values[key], s.broken
}

func (s *session) Set(_ context.Context, key string, value []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost > 0 {
		s.lost--
		return nil
	}
	if s.broken == nil {
		s.values[key] = value
	}
	return s.broken
}

func (s *session) Delete(_ context.Context, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.values, key)
	return nil
}

func (*session) Batch(context.Context, ...*storage.Operation) error { panic("not used") }

func (s *session) Close(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = false
	return nil
}

const (
	tenant = "72f988bf-86f1-41af-91ab-2d7cd011db47"
	client = "11111111-1111-1111-1111-11111111111A"
)

func TestAnEntryComesBackAsItWas(t *testing.T) {
	d := &disk{}
	slot := NewVault(d.client, keysOf(t, 1)).Slot(tenant, client)
	stored, err := slot.Load(t.Context())
	require.NoError(t, err)
	assert.True(t, stored.Empty())

	first := Entry{Token: "hunter2", Seed: Fingerprint("seed"), Saved: time.Unix(1_800_000_000, 0).UTC()}
	after, replaced, err := slot.Replace(t.Context(), stored, first)
	require.NoError(t, err)
	assert.True(t, replaced)
	stored, err = slot.Load(t.Context())
	require.NoError(t, err)
	assert.Equal(t, first, stored.Entry)
	assert.True(t, stored.Same(after))
	for _, raw := range d.values {
		assert.NotContains(t, string(raw), "hunter2")
	}
	elsewhere, err := NewVault(d.client, keysOf(t, 2, 1)).Slot(tenant, "11111111-1111-1111-1111-11111111111a").Load(t.Context())
	require.NoError(t, err, "ids are compared without regard to case, and an old key reads on")
	assert.Equal(t, first, elsewhere.Entry)
	other, err := NewVault(d.client, keysOf(t, 1)).Slot(client, client).Load(t.Context())
	require.NoError(t, err)
	assert.True(t, other.Empty())
	assert.False(t, d.open, "nothing is left open")
}

func TestAnEntryOfSomebodyElseStays(t *testing.T) {
	d := &disk{}
	slot := NewVault(d.client, keysOf(t, 1)).Slot(tenant, client)
	before, err := slot.Load(t.Context())
	require.NoError(t, err)
	require.NoError(t, slot.Put(t.Context(), Entry{Token: "signed-in-anew"}))
	after, replaced, err := slot.Replace(t.Context(), before, Entry{Token: "rotated"})
	require.NoError(t, err)
	assert.False(t, replaced)
	assert.True(t, after.Same(before))
	stored, err := slot.Load(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "signed-in-anew", stored.Token)
}

func TestWhatCannotBeReadIsSaid(t *testing.T) {
	d := &disk{values: map[string][]byte{}}
	vault := NewVault(d.client, keysOf(t, 1))
	slot := vault.Slot(tenant, client)
	require.NoError(t, slot.Put(t.Context(), Entry{Token: "hunter2"}))
	good := d.values[slot.key]
	for want, raw := range map[string][]byte{
		"is damaged":        append(append([]byte(nil), good...), 1),
		"neither storage_":  keysOf(t, 9).seal([]byte("{}"), slot.key),
		"cannot be used":    vault.keys.seal([]byte(`{"token":"a b"}`), slot.key),
		"another version":   {0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		"for another tenan": vault.keys.seal([]byte(`{"token":"x"}`), "foreign"),
		"damaged, or was":   make([]byte, maxEntry+1),
	} {
		d.values[slot.key] = raw
		stored, err := slot.Load(t.Context())
		var unreadable *UnreadableError
		require.ErrorAs(t, err, &unreadable)
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "hunter2")
		assert.False(t, stored.Empty())
		_, replaced, err := slot.Replace(t.Context(), stored, Entry{Token: "new"})
		require.NoError(t, err)
		assert.True(t, replaced, "it can be replaced all the same")
	}
	for _, token := range []string{"", "a b", "a\n", string(make([]byte, maxEntry))} {
		require.Error(t, slot.Put(t.Context(), Entry{Token: token}))
	}
}

func TestFaultsOfTheStorageAreErrors(t *testing.T) {
	d := &disk{broken: errors.New("no space left on device")}
	slot := NewVault(d.client, keysOf(t, 1)).Slot(tenant, client)
	_, err := slot.Load(t.Context())
	require.ErrorIs(t, err, d.broken)
	_, _, err = slot.Replace(t.Context(), Stored{}, Entry{Token: "x"})
	require.ErrorIs(t, err, d.broken)
	require.ErrorIs(t, slot.Put(t.Context(), Entry{Token: "x"}), d.broken)
	d.panics = true
	_, err = slot.Load(t.Context())
	require.ErrorContains(t, err, "the storage's file is damaged, move it away: page 3")
	assert.False(t, d.open)
	_, err = NewVault(func(context.Context) (storage.Client, error) { panic("freelist") }, keysOf(t, 1)).Slot(tenant, client).Load(t.Context())
	require.ErrorContains(t, err, "the storage's file is damaged, move it away: freelist")
}

func TestAStorageThatSomebodyHasOpenIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{taken: tries - 1}
		slot := NewVault(d.client, keysOf(t, 1)).Slot(tenant, client)
		_, err := slot.Load(t.Context())
		require.NoError(t, err)
		assert.Equal(t, tries, d.opened)

		d.taken = tries
		_, err = slot.Load(t.Context())
		require.ErrorIs(t, err, errTaken, "not for ever")

		d.taken = tries
		ctx, cancel := context.WithTimeout(t.Context(), pause/2)
		defer cancel()
		_, err = slot.Load(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestTheStorageIsOpenedByOneAtATime(t *testing.T) {
	d := &disk{}
	vault := NewVault(d.client, keysOf(t, 1))
	var busy sync.WaitGroup
	for range 8 {
		busy.Go(func() {
			for range 20 {
				assert.NoError(t, vault.Slot(tenant, client).Put(t.Context(), Entry{Token: "x"}))
			}
		})
	}
	busy.Wait()
	vault.turn <- struct{}{}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err := vault.Slot(tenant, client).Load(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// TestAValueThatTheStorageLostIsStoredAgain: file_storage that compacts at each opening renames its file away from under
// those who wait for it.
func TestAValueThatTheStorageLostIsStoredAgain(t *testing.T) {
	d := &disk{lost: 2}
	slot := NewVault(d.client, keysOf(t, 1)).Slot("tenant", "client")
	require.NoError(t, slot.Put(t.Context(), Entry{Token: "first"}))
	before, err := slot.Load(t.Context())
	require.NoError(t, err)
	require.Equal(t, "first", before.Token)

	d.lost = 2
	_, replaced, err := slot.Replace(t.Context(), before, Entry{Token: "second"})
	require.NoError(t, err)
	assert.True(t, replaced)
	after, err := slot.Load(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "second", after.Token)

	d.lost = 100
	require.ErrorIs(t, slot.Put(t.Context(), Entry{Token: "third"}), errNotKept)
	_, _, err = slot.Replace(t.Context(), after, Entry{Token: "third"})
	require.ErrorIs(t, err, errNotKept)
}
