package checkpoint

import (
	"context"
	"maps"
	"slices"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// waiting are heads that may be stored a little later, of cursors that moved over nothing new. Of ten thousand quiet tenants
// 200 share a transaction, and no poll waits for one.
type waiting struct {
	heads map[Key]*storage.Operation
	// writing are those of the transaction that is under way, but for the ones that have been overtaken since: if it fails
	// they wait again, and an older head is never written after a newer one.
	writing map[Key]*storage.Operation
	// owed are the keys of heads that could not be stored. Their states are saved at once at the next poll, which then
	// hears of the failure.
	owed  map[Key]struct{}
	ended bool // nobody stores any more
}

func newWaiting() waiting {
	return waiting{heads: map[Key]*storage.Operation{}, writing: map[Key]*storage.Operation{}, owed: map[Key]struct{}{}}
}

// overtake drops a head, because a newer one is about to be written.
func (w *waiting) overtake(key Key) {
	delete(w.heads, key)
	delete(w.writing, key)
}

// postpone lets a head wait in place of an earlier one, if that may be.
func (st *Store) postpone(key Key, head *storage.Operation) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	if _, owed := st.waiting.owed[key]; owed || st.patience <= 0 || st.waiting.ended {
		return false
	}
	st.waiting.heads[key] = head
	return true
}

func (st *Store) overtake(key Key) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.waiting.overtake(key)
}

// owes tells whether the head of a key could not be stored.
func (st *Store) owes(key Key) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	_, owed := st.waiting.owed[key]
	return owed
}

// owe lets a head wait that could not be stored at once: the next poll may be far away.
func (st *Store) owe(key Key, head *storage.Operation) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.patience > 0 && !st.waiting.ended {
		st.waiting.heads[key], st.waiting.owed[key] = head, struct{}{}
	}
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

// takeWaiting takes those heads that still wait, until settle.
func (st *Store) takeWaiting(keys []Key) (heads []*storage.Operation) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, key := range keys {
		if head, waits := st.waiting.heads[key]; waits {
			heads = append(heads, head)
			st.waiting.writing[key] = head
			delete(st.waiting.heads, key)
		}
	}
	return heads
}

// settle ends what takeWaiting began: the heads are stored, or they are owed and wait again.
func (st *Store) settle(err error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for key, head := range st.waiting.writing {
		if err == nil {
			delete(st.waiting.owed, key)
			continue
		}
		st.waiting.owed[key] = struct{}{}
		if _, newer := st.waiting.heads[key]; !newer {
			st.waiting.heads[key] = head
		}
	}
	clear(st.waiting.writing)
}

// end stores the heads that wait, until ctx ends. Those that cannot be stored by then cost nothing but reading a little more
// again.
func (st *Store) end(ctx context.Context, hung time.Time) {
	heads := st.lastHeads()
	if time.Since(hung) < st.patience {
		return // a store that hangs is not asked once more
	}
	for heads := range slices.Chunk(heads, batchSize) {
		if ctx.Err() != nil {
			return
		}
		_ = st.transact(ctx, heads) // nobody is there to hear it
	}
}

// lastHeads are the heads that wait; no others will.
func (st *Store) lastHeads() []*storage.Operation {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.waiting.ended = true
	return slices.Collect(maps.Values(st.waiting.heads))
}
