package checkpoint

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
)

var errPower = errors.New("no power")

// frail is a store without transactions on a machine whose power fails after some operations.
type frail struct {
	storage.Client // its other methods are not called
	disk           map[string][]byte
	left           int
}

func (f *frail) Get(_ context.Context, key string) ([]byte, error) { return f.disk[key], nil }

func (f *frail) Batch(_ context.Context, ops ...*storage.Operation) error {
	for _, op := range ops {
		if op.Type == storage.Get {
			op.Value = f.disk[op.Key]
			continue
		}
		if f.left--; f.left < 0 {
			return errPower
		}
		if op.Type == storage.Set {
			f.disk[op.Key] = op.Value
		} else {
			delete(f.disk, op.Key)
		}
	}
	return nil
}

// process is one life of the receiver on that machine.
type process struct {
	t     *testing.T
	rand  *rand.Rand
	disk  map[string][]byte
	store *Store
	state *State
	now   odata.Instant

	deliveries []delivery            // of all lives, as far as they are known
	justify    map[odata.Instant]int // by cursor: how many deliveries were made before it
	stored     int                   // how many were made before the last save that succeeded
}

func (p *process) readAgain() odata.Instant { return p.state.Cursor.Add(-78 * time.Hour) }

// poll delivers what is new, and saves now and then, until the power fails.
func (p *process) poll() error {
	for range 1 + p.rand.IntN(1500) {
		p.now = p.now.Add(time.Duration(1+p.rand.IntN(300)) * time.Second)
		d := delivery{"da" + strconv.Itoa(p.rand.IntN(1<<20)), p.now.Add(-time.Duration(p.rand.Int64N(int64(day)))), p.now}
		if p.rand.IntN(500) == 0 {
			d.version = p.now.Add(100 * day)
		}
		p.state.Remember(d.id, d.version, p.now)
		p.deliveries = append(p.deliveries, d)
	}
	if p.rand.IntN(3) > 0 {
		p.state.Advance(p.now)
		p.justify[p.now] = len(p.deliveries)
		p.state.Forget(p.readAgain(), p.now)
	}
	n := len(p.deliveries)
	err := p.store.Save(p.t.Context(), alerts, p.state)
	if err == nil {
		p.stored = n
	}
	return err
}

// reboot loads what the crash left, and checks that it is consistent.
func (p *process) reboot(left int) (stop func()) {
	p.store = NewStore(&frail{disk: p.disk, left: left}, 0)
	ctx, cancel := context.WithCancel(context.Background())
	var serve sync.WaitGroup
	serve.Go(func() { p.store.Serve(ctx) })
	state, err := p.store.Open(p.t.Context(), alerts)
	require.NoError(p.t, err, "a crash must not make a state unreadable")
	if state == nil {
		require.Zero(p.t, p.stored)
		state = NewState(epoch)
		p.store.Keep(alerts, state)
	}
	p.state = state
	if state.Cursor != epoch {
		_, ours := p.justify[state.Cursor]
		require.True(p.t, ours, "the cursor is one that was reached")
	}
	// What was delivered after both may come again: the process does not know of it.
	p.stored = max(p.stored, p.justify[state.Cursor])
	p.deliveries = p.deliveries[:p.stored]
	for i, d := range p.deliveries {
		if d.version >= p.readAgain() && !state.Delivered(d.id, d.version) {
			p.t.Fatalf("delivery %d would come twice", i)
		}
	}
	return func() {
		cancel()
		serve.Wait()
	}
}

func TestACrashAtAnyOperationLeavesAConsistentState(t *testing.T) {
	for seed := range uint64(6) {
		p := &process{
			t: t, rand: rand.New(rand.NewPCG(seed, 13)), disk: map[string][]byte{}, now: epoch,
			justify: map[odata.Instant]int{},
		}
		for range 25 {
			stop := p.reboot(p.rand.IntN(12))
			var err error
			for err == nil {
				err = p.poll()
			}
			require.ErrorIs(t, err, errPower)
			stop()
		}
		p.reboot(0)()
		require.NotZero(t, p.stored, "seed %d: nothing was ever stored", seed)
		require.NotEqual(t, epoch, p.state.Forgets(), "seed %d: nothing was ever forgotten", seed)
	}
}
