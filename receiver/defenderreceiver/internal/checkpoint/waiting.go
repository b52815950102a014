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

// storeWaiting writes the heads that wait, as many in a transaction as it takes. A store that fails is not asked again.
func (st *Store) storeWaiting(ctx context.Context) {
	st.mu.Lock()
	heads := st.waiting.heads
	st.waiting.heads = make(map[Key]*storage.Operation, len(heads))
	st.mu.Unlock()
	var err error
	for keys := range slices.Chunk(slices.SortedFunc(maps.Keys(heads), Key.Compare), batchSize) {
		if err == nil {
			ops := make([]*storage.Operation, len(keys))
			for i, key := range keys {
				ops[i] = heads[key]
			}
			err = st.transact(ctx, ops)
		}
		if err != nil {
			st.owe(keys)
		}
	}
}

func (st *Store) owe(keys []Key) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, key := range keys {
		st.waiting.owed[key] = struct{}{}
	}
}
