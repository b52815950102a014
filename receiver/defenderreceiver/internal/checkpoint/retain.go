package checkpoint

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// retention is how long the state of a removed or disabled tenant is kept.
const retention = 30 * 24 * time.Hour

// index lists the stored states, because a store cannot: it has no way to name its keys.
type index struct {
	Version int `json:"v"`
	// Removed has the Unix time at which a state's tenant was removed, 0 while it is polled.
	Removed map[string]int64 `json:"removed"`
}

// Retain notes which states are in use, and deletes those of tenants that were removed 30 days ago or earlier. One that
// was opened since the Retain before began is kept for 30 days more: active may have been listed before its tenant returned.
func (st *Store) Retain(ctx context.Context, active []Key, now time.Time) error {
	st.mu.Lock()
	st.retains++
	st.mu.Unlock()
	known, err := st.index(ctx)
	if err != nil {
		return err
	}
	changed := known.mark(active, now)
	var errs []error
	for name, removed := range known.Removed {
		if removed == 0 || now.Sub(time.Unix(removed, 0)) < retention {
			continue
		}
		gone, err := st.expire(ctx, name)
		switch {
		case err != nil:
			errs = append(errs, err)
			continue
		case gone:
			delete(known.Removed, name)
		default:
			known.Removed[name] = now.Unix()
		}
		changed = true
	}
	if changed {
		errs = append(errs, st.saveIndex(ctx, known))
	}
	return errors.Join(errs...)
}

// mark notes what is active now; it tells whether anything is different from before.
func (x *index) mark(active []Key, now time.Time) bool {
	changed, inUse := false, make(map[string]bool, len(active))
	for _, key := range active {
		name := key.String()
		inUse[name] = true
		if removed, known := x.Removed[name]; !known || removed != 0 {
			x.Removed[name], changed = 0, true
		}
	}
	for name, removed := range x.Removed {
		if !inUse[name] && removed == 0 {
			x.Removed[name], changed = now.Unix(), true
		}
	}
	return changed
}

// expire deletes a state, unless it is in use.
func (st *Store) expire(ctx context.Context, name string) (gone bool, err error) {
	tenant, source, _ := strings.Cut(name, "/")
	key := Key{tenant, source}
	done, unused := st.leave(key)
	if !unused {
		return false, nil
	}
	defer done()
	return true, st.remove(ctx, key)
}

// leave takes a state out of memory, unless it is in use. Nobody can open it until done is called.
func (st *Store) leave(key Key) (done func(), unused bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if o, known := st.open[key]; known && o.retains >= st.retains-1 {
		return nil, false
	}
	delete(st.open, key)
	delete(st.waiting.owed, key)
	st.waiting.overtake(key)
	removed := make(chan struct{})
	st.removing[key] = removed
	return func() {
		st.mu.Lock()
		defer st.mu.Unlock()
		delete(st.removing, key)
		close(removed)
	}, true
}

// index returns the stored index; one that cannot be read begins anew, and what it listed is kept for ever.
func (st *Store) index(ctx context.Context) (*index, error) {
	value, err := st.client.Get(ctx, indexKey)
	if err != nil {
		return nil, fmt.Errorf("loading %s: %w", indexKey, err)
	}
	if x, ok := decodeIndex(value); ok {
		return x, nil
	}
	return &index{Version: formatVersion, Removed: map[string]int64{}}, nil
}

func decodeIndex(value []byte) (*index, bool) {
	var x index
	err := json.Unmarshal(value, &x)
	return &x, err == nil && x.Version == formatVersion && x.Removed != nil
}

func (st *Store) saveIndex(ctx context.Context, x *index) error {
	value, err := json.Marshal(x)
	if err != nil {
		return err
	}
	if err := st.write(ctx, []*storage.Operation{storage.SetOperation(indexKey, value)}); err != nil {
		return fmt.Errorf("storing %s: %w", indexKey, err)
	}
	return nil
}
