package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

const (
	// Spacing is the time between transactions, in which the checkpoints of other tenants gather: at most 20 a second.
	Spacing = 50 * time.Millisecond
	// Patience is how long a cursor that has moved over nothing new may wait for others: a crash makes its poll read a
	// little more again, and neither loses nor repeats a record.
	Patience = 10 * time.Second
)

const (
	// batchSize keeps a transaction within what SQL stores take in one statement.
	batchSize = 200
	// batchTimeout bounds a transaction: a store that hangs must not hang the shutdown.
	// It also bounds what is stored after a shutdown.
	batchTimeout = 3 * time.Second
)

var (
	errEnded = errors.New("the store has been shut down")
	errHangs = errors.New("no answer from the store")
)

// Store reads and writes states. Writes of many tenants share transactions. Safe for concurrent use.
type Store struct {
	client   storage.Client
	spacing  time.Duration
	patience time.Duration
	writes   chan write
	ended    chan struct{} // closed when Serve returns

	mu       sync.Mutex
	open     map[Key]opened
	removing map[Key]<-chan struct{} // closed when it is done
	retains  int                     // how often Retain has begun
	waiting  waiting
}

// opened is a state in memory; nil where Open found none, or cannot read it yet.
type opened struct {
	state   *State
	retains int // how often Retain had begun when it was opened last
}

type write struct {
	ops  []*storage.Operation
	done chan<- error
}

// NewStore returns a store on client that makes one transaction in spacing. Its writes need Serve to be running.
func NewStore(client storage.Client, spacing time.Duration) *Store {
	return &Store{
		client: client, spacing: spacing, writes: make(chan write), ended: make(chan struct{}),
		open: map[Key]opened{}, removing: map[Key]<-chan struct{}{}, waiting: newWaiting(),
	}
}

// Patient lets a cursor that moved alone wait up to patience until it is stored. Call it before Serve.
func (st *Store) Patient(patience time.Duration) *Store {
	st.patience = patience
	return st
}

func (st *Store) load(ctx context.Context, key Key) (*State, error) {
	value, err := st.client.Get(ctx, key.head())
	if err != nil {
		return nil, fmt.Errorf("loading state %s: %w", key, err)
	}
	if len(value) == 0 {
		return nil, nil //nolint:nilnil // absent is not an error
	}
	s, h, err := decodeHead(value)
	if err != nil {
		return nil, &UnreadableError{Key: key.head(), Err: err}
	}
	err = st.loadSegments(ctx, s, h, key)
	var unreadable *UnreadableError
	if err != nil && !errors.As(err, &unreadable) {
		return nil, err // it may pass, and then everything is read
	}
	return s, err
}

// loadSegments fills s. A segment that is missing or unreadable costs repeats, not alerts: the cursor stands, the error
// is reported, and the others are used.
func (st *Store) loadSegments(ctx context.Context, s *State, h head, key Key) error {
	var unreadable []*UnreadableError
	for first := h.First; first < h.Next; first += batchSize {
		ops := make([]*storage.Operation, 0, batchSize)
		for seq := first; seq < min(h.Next, first+batchSize); seq++ {
			ops = append(ops, storage.GetOperation(key.segment(seq)))
		}
		if err := st.client.Batch(ctx, ops...); err != nil {
			return fmt.Errorf("loading state %s: %w", key, err)
		}
		for i, op := range ops {
			g, err := decodeSegment(first+uint32(i), op.Value)
			if err != nil {
				unreadable = append(unreadable, &UnreadableError{Key: op.Key, Err: err})
				continue
			}
			s.adopt(g)
		}
	}
	if len(unreadable) == 0 {
		return nil
	}
	s.forgotten = max(s.forgotten, s.Cursor) // what they held was delivered before it, but for the very last
	if more := len(unreadable) - 1; more > 0 {
		unreadable[0].Err = fmt.Errorf("%w; %d more segments cannot be read", unreadable[0].Err, more)
	}
	return unreadable[0]
}

// Open returns the state of a (tenant, source): the one in memory, the stored one, or nil where there is none. With
// an *UnreadableError comes what could be read, nil if that is nothing; any other error may pass.
func (st *Store) Open(ctx context.Context, key Key) (*State, error) {
	s, err := st.inUse(ctx, key)
	if s != nil || err != nil {
		return s, err
	}
	s, err = st.load(ctx, key)
	if s != nil {
		st.Keep(key, s)
	}
	return s, err
}

// inUse notes that a state is opened, and returns the one in memory. It waits for a removal that has begun.
func (st *Store) inUse(ctx context.Context, key Key) (*State, error) {
	for {
		s, removed := st.enter(key)
		if removed == nil {
			return s, nil
		}
		select {
		case <-removed:
		case <-ctx.Done():
			return nil, fmt.Errorf("loading state %s: %w", key, ctx.Err())
		}
	}
}

// enter notes that a state is opened, unless it is being removed; removed is closed when that is done.
func (st *Store) enter(key Key) (s *State, removed <-chan struct{}) {
	st.mu.Lock()
	defer st.mu.Unlock()
	removed = st.removing[key]
	if removed != nil {
		return nil, removed
	}
	s = st.open[key].state
	st.open[key] = opened{s, st.retains}
	return s, nil
}

// Keep makes s the state of a (tenant, source) in memory.
func (st *Store) Keep(key Key, s *State) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.open[key] = opened{s, st.retains}
}

// Save stores what changed in s and returns when it is stored; a cursor that moved alone may be stored a little later.
// After an error s still knows what is to be stored.
func (st *Store) Save(ctx context.Context, key Key, s *State) error {
	if !s.changed && !st.owes(key) {
		return nil
	}
	ops, err := s.operations(key)
	if err != nil {
		return fmt.Errorf("encoding state %s: %w", key, err)
	}
	alone := len(ops) == 1 && s.stored
	if alone && st.postpone(key, ops[0]) {
		s.saved()
		return nil
	}
	st.overtake(key)
	if err := st.write(ctx, ops); err != nil {
		if alone {
			st.owe(key, ops[0])
		}
		return fmt.Errorf("storing state %s: %w", key, err)
	}
	st.paid(key)
	s.saved()
	return nil
}

// remove deletes everything that is stored for a (tenant, source).
func (st *Store) remove(ctx context.Context, key Key) error {
	value, err := st.client.Get(ctx, key.head())
	if err != nil {
		return fmt.Errorf("loading state %s: %w", key, err)
	}
	var ops []*storage.Operation
	if _, h, err := decodeHead(value); err == nil {
		for seq := h.First; seq < h.Next; seq++ {
			ops = append(ops, storage.DeleteOperation(key.segment(seq)))
		}
	}
	ops = append(ops, storage.DeleteOperation(key.head())) // the last, because it names the others
	if err := st.write(ctx, ops); err != nil {
		return fmt.Errorf("deleting state %s: %w", key, err)
	}
	return nil
}

// Serve writes what Save hands over until ctx ends, and then, for batchTimeout at most, what was accepted. Save fails
// afterwards.
func (st *Store) Serve(ctx context.Context) {
	defer close(st.ended)
	writing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	context.AfterFunc(ctx, func() { time.AfterFunc(batchTimeout, cancel) })
	var hung time.Time // when the last transaction did, if so
	defer func() { st.end(writing, hung) }()
	timer := time.NewTimer(0) // the first transaction need not wait
	defer timer.Stop()
	var patience <-chan time.Time
	if st.patience > 0 {
		ticker := time.NewTicker(st.patience)
		defer ticker.Stop()
		patience = ticker.C
	}
	var due []Key // of heads that have waited
	for {
		var batch []write
		if len(due) == 0 {
			select {
			case <-ctx.Done():
				return
			case <-patience:
				due = st.waitingKeys()
				continue
			case w := <-st.writes:
				batch = append(batch, w)
			}
		}
		batch = st.gather(ctx, timer.C, batch)
		var err error
		if due, err = st.store(writing, batch, due); errors.Is(err, errHangs) {
			hung = time.Now()
		} else {
			hung = time.Time{}
		}
		timer.Reset(st.spacing)
		if ctx.Err() != nil {
			return
		}
	}
}

// store writes a batch, and as many of the heads that are due as there is room for beside it. It returns the others.
func (st *Store) store(ctx context.Context, batch []write, due []Key) (rest []Key, err error) {
	var ops []*storage.Operation
	for _, w := range batch {
		ops = append(ops, w.ops...)
	}
	n := min(len(due), batchSize-len(ops)%batchSize)
	err = st.flush(ctx, append(ops, st.takeWaiting(due[:n])...))
	st.settle(err)
	for _, w := range batch {
		w.done <- err
	}
	return due[n:], err
}

// gather collects writes until the transaction before is long enough ago.
func (st *Store) gather(ctx context.Context, ready <-chan time.Time, batch []write) []write {
	for {
		select {
		case <-ctx.Done():
			return batch
		case <-ready:
			return batch
		case w := <-st.writes:
			batch = append(batch, w)
		}
	}
}

// flush keeps the order of the operations: a head is written with or after its segments.
func (st *Store) flush(ctx context.Context, ops []*storage.Operation) error {
	for ops := range slices.Chunk(ops, batchSize) {
		if err := st.transact(ctx, ops); err != nil {
			return err
		}
	}
	return nil
}

func (st *Store) transact(ctx context.Context, ops []*storage.Operation) error {
	ctx, cancel := context.WithTimeout(ctx, batchTimeout)
	defer cancel()
	err := st.client.Batch(ctx, ops...)
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%w within %s: %w", errHangs, batchTimeout, err)
	}
	return err
}

func (st *Store) write(ctx context.Context, ops []*storage.Operation) error {
	done := make(chan error, 1)
	select {
	case st.writes <- write{ops, done}:
	case <-st.ended:
		return errEnded
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err() // it may be stored yet; storing it again does no harm
	}
}

func (s *State) operations(key Key) ([]*storage.Operation, error) {
	var ops []*storage.Operation
	for _, g := range s.segments {
		if !g.changed {
			continue
		}
		value, err := g.encode()
		if err != nil {
			return nil, err
		}
		ops = append(ops, storage.SetOperation(key.segment(g.seq), value))
	}
	value, err := s.encodeHead()
	if err != nil {
		return nil, err
	}
	ops = append(ops, storage.SetOperation(key.head(), value))
	for _, seq := range s.dropped {
		ops = append(ops, storage.DeleteOperation(key.segment(seq)))
	}
	return ops, nil
}

func (s *State) saved() {
	for _, g := range s.segments {
		g.changed = false
	}
	s.dropped, s.changed, s.stored = nil, false, true
}
