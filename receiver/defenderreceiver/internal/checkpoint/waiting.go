package checkpoint

import (
	"context"
	"maps"
	"slices"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// waiting are heads that may be stored a little later, of cursors that moved over nothing new. Of ten thousand quiet tenants
// 200 share a transaction, and no poll waits for one.
type waiting struct {
	heads map[Key]*storage.Operation
	// owed are the keys of heads that could not be stored. They are not tried again by themselves, which might undo a
	// newer one: their states are saved at once at the next poll, which then hears of the failure.
	owed map[Key]struct{}
}

func newWaiting() waiting {
	return waiting{heads: map[Key]*storage.Operation{}, owed: map[Key]struct{}{}}
}

// postpone lets a head wait in place of an earlier one, if that may be.
func (st *Store) postpone(key Key, head *storage.Operation) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	if _, owed := st.waiting.owed[key]; owed || st.patience <= 0 || st.hasEnded() {
		return false
	}
	st.waiting.heads[key] = head
	return true
}

// hasEnded tells whether nobody stores any more.
func (st *Store) hasEnded() bool {
	select {
	case <-st.ended:
		return true
	default:
		return false
	}
}

// overtake drops a head that waits, because a newer one is about to be written.
func (st *Store) overtake(key Key) {
	st.mu.Lock()
	defer st.mu.Unlock()
	delete(st.waiting.heads, key)
}

// owes tells whether the head of a key could not be stored.
func (st *Store) owes(key Key) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	_, owed := st.waiting.owed[key]
	return owed
}

func (st *Store) paid(key Key) {
	st.mu.Lock()
	defer st.mu.Unlock()
	delete(st.waiting.owed, key)
}

// waitingKeys are the keys of the heads that wait.
func (st *Store) waitingKeys() []Key {
	st.mu.Lock()
	defer st.mu.Unlock()
	return slices.SortedFunc(maps.Keys(st.waiting.heads), Key.Compare)
}

// takeWaiting takes those heads that still wait.
func (st *Store) takeWaiting(keys []Key) (taken []Key, heads []*storage.Operation) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, key := range keys {
		if head, waits := st.waiting.heads[key]; waits {
			taken, heads = append(taken, key), append(heads, head)
			delete(st.waiting.heads, key)
		}
	}
	return taken, heads
}

// storeWaiting writes the heads that wait, at the end.
func (st *Store) storeWaiting(ctx context.Context) {
	_, heads := st.takeWaiting(st.waitingKeys())
	_ = st.flush(ctx, heads) // nobody is there to hear it; a cursor that stays costs nothing but time
}

func (st *Store) owe(keys []Key) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, key := range keys {
		st.waiting.owed[key] = struct{}{}
	}
}
