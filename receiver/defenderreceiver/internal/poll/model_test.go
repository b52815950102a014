package poll

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"
	"golang.org/x/sync/semaphore"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/api"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/checkpoint"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/metadata"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/quota"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/source"
)

var (
	schedules = flag.Int("schedules", 100, "random schedules to run against the model")
	seed      = flag.Uint64("seed", 0, "run this one schedule only")
)

const modelTenant = "72f988bf-86f1-41af-91ab-2d7cd011db47"

// emitted is a record as the pipeline got it.
type emitted struct {
	version
	change string
	uid    string
	at     time.Time
}

// rig is a poller between a world and a pipeline, over a storage that survives crashes.
type rig struct {
	t       *testing.T
	world   *world
	rand    *rand.Rand
	disk    *disk
	poller  *Poller
	sink    []emitted
	refuses float64
	refused map[version]bool // for good
	stop    func()
	overlap time.Duration
	page    int
	skew    time.Duration // of the poller's clock against the world's
	crashes int
}

func newRig(t *testing.T, seed uint64) *rig {
	r := &rig{
		t: t, world: newWorld(seed), rand: rand.New(rand.NewPCG(seed, 2)), disk: &disk{values: map[string][]byte{}},
		refused: map[version]bool{}, overlap: 10 * time.Minute, page: 1 + rand.New(rand.NewPCG(seed, 3)).IntN(20),
	}
	r.world.nextLinks = seed%3 == 0
	r.world.oldestFirst = seed%4 == 1
	return r
}

// start makes a new process: nothing but the disk survives the one before.
func (r *rig) start() {
	r.stop = func() {}
	telemetry := componenttest.NewNopTelemetrySettings()
	builder, err := metadata.NewTelemetryBuilder(telemetry)
	require.NoError(r.t, err)
	s, _ := source.Lookup("endpoint_alerts")
	target, err := s.Target("public", source.Override{Endpoint: "https://api.example"})
	require.NoError(r.t, err)
	store := checkpoint.NewStore(r.disk, 0)
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() { store.Serve(ctx) })
	r.stop = func() { cancel(); serving.Wait() }
	const memory = 1 << 20
	r.poller = New(
		Subject{
			Tenant: entraauth.Tenant{ID: modelTenant, Name: "contoso"}, Target: target,
			Budget: quota.New(), Log: zap.NewNop(),
		},
		Settings{
			Source: s, PageSize: r.page, InitialLookback: 24 * time.Hour, Overlap: r.overlap,
			SweepInterval: 6 * time.Hour, SweepWindow: 72 * time.Hour, Metrics: NewMetrics(builder, s.Key),
		},
		Services{
			Client: api.New(&http.Client{Transport: r.world}, api.Client{
				Timeout: time.Hour, MaxResponse: 1 << 20, Limits: odata.Limits{MaxRecord: 1 << 16},
			}),
			Store: store, Consume: r.consume, Memory: semaphore.NewWeighted(memory), MaxMemory: memory,
			Now: func() time.Time { return r.world.now.Add(r.skew) },
		},
		r.world.now.Add(time.Hour),
	)
}

var errBusy = errors.New("queue is full")

func (r *rig) consume(_ context.Context, logs plog.Logs) error {
	records := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	var batch []emitted
	for _, lr := range records.All() {
		id, _ := lr.Attributes().Get("microsoft.defender.alert.id")
		updated, _ := lr.Attributes().Get("microsoft.defender.updated")
		change, _ := lr.Attributes().Get("microsoft.defender.change")
		uid, _ := lr.Attributes().Get("log.record.uid")
		instant, err := odata.ParseInstant(updated.Str())
		require.NoError(r.t, err)
		batch = append(batch, emitted{version{id.Str(), instant}, change.Str(), uid.Str(), r.world.now})
	}
	switch p := r.rand.Float64(); {
	case p < r.refuses*0.9:
		return errBusy
	case p < r.refuses:
		for _, e := range batch {
			r.refused[e.version] = true
		}
		return consumererror.NewPermanent(errBusy)
	}
	r.sink = append(r.sink, batch...)
	return nil
}

// crash ends the process as a power cut does, between two steps of it.
func (r *rig) crash() {
	r.stop()
	r.crashes++
	r.start()
}

// step is one thing that happens.
func (r *rig) step() {
	w := r.world
	switch p := r.rand.IntN(100); {
	case p < 45:
		r.turn()
	case p < 60:
		for range r.rand.IntN(20) {
			w.put(fmt.Sprintf("da%d", r.rand.IntN(400)), odata.FromTime(w.now))
			w.now = w.now.Add(time.Duration(r.rand.IntN(1000)) * 100 * time.Nanosecond)
		}
	case p < 65: // many on one tick
		at := odata.FromTime(w.now)
		for range r.rand.IntN(60) {
			w.put(fmt.Sprintf("da%d", r.rand.IntN(400)), at)
		}
	case p < 68:
		r.crash()
	case p < 70:
		keys := slices.Sorted(maps.Keys(w.alerts))
		if len(keys) > 0 { // deleted: a version that nobody has read yet is nobody's loss
			id := keys[r.rand.IntN(len(keys))]
			delete(w.visible, version{id, w.alerts[id].updated})
			delete(w.alerts, id)
		}
	default:
		w.now = w.now.Add(time.Duration(r.rand.IntN(180)) * time.Second)
	}
}

func (r *rig) turn() {
	out := r.poller.Turn(r.t.Context())
	if out.Err != nil && r.world.faults == 0 && r.refuses == 0 && !r.disk.failing() {
		r.t.Fatalf("a turn without a fault failed: %v", out.Err)
	}
	if out.Err != nil {
		r.world.now = r.world.now.Add(2 * time.Second)
	}
}

// settle lets everything that was made be found, without faults.
func (r *rig) settle() {
	r.world.faults, r.refuses, r.disk.rate = 0, 0, 0
	r.world.now = r.world.now.Add(r.overlap)
	r.finish() // the poll that is under way ends where it began
	r.finish()
}

// finish goes on until a poll is complete.
func (r *rig) finish() {
	for range 5000 {
		if r.poller.Turn(r.t.Context()).Complete {
			return
		}
	}
	require.Fail(r.t, "a poll does not come to an end")
}

// check compares what was emitted with what was visible long enough to be read by a poll.
func (r *rig) check() {
	w := r.world
	times := map[version]int{}
	uids := map[string]version{}
	for _, e := range r.sink {
		times[e.version]++
		if other, known := uids[e.uid]; known {
			require.Equal(r.t, other, e.version, "one uid for two versions")
		}
		uids[e.uid] = e.version
	}
	for v, n := range times {
		require.LessOrEqual(r.t, n, 1+r.crashes, "%v came %d times with %d crashes", v, n, r.crashes)
	}
	// What is visible at the end has been visible since the overlap began.
	for id, a := range w.current() {
		v := version{id, a.updated}
		if times[v] == 0 && !r.refused[v] {
			require.Fail(r.t, "lost", "%v, made %s, cursor %s", v, a.updated, r.poller.state.Cursor)
		}
	}
}

func TestNothingIsLostAndNothingComesTwice(t *testing.T) {
	first, n := uint64(1), *schedules
	if *seed != 0 {
		first, n = *seed, 1
	}
	for s := first; s < first+uint64(n); s++ {
		ok := t.Run(fmt.Sprintf("seed %d", s), func(t *testing.T) {
			r := newRig(t, s)
			r.start()
			defer func() { r.stop() }()
			if s%2 == 0 {
				r.world.faults, r.refuses, r.disk.rate = 0.15, 0.1, 0.05
			}
			if s%5 == 0 {
				r.world.delay = func() time.Duration { return time.Duration(r.rand.IntN(9*60)) * time.Second }
			}
			if s%6 >= 4 {
				r.skew = time.Duration(r.rand.IntN(60)-30) * time.Minute
			}
			for range 150 {
				r.step()
			}
			r.settle()
			r.check()
			r.nothingNew()
		})
		if !ok {
			t.Fatalf("replay with -run '%s' -args -seed %d", t.Name(), s)
		}
	}
}

// nothingNew polls an unchanged tenant twice.
func (r *rig) nothingNew() {
	before := len(r.sink)
	for range 2 {
		r.world.now = r.world.now.Add(time.Minute)
		r.finish()
	}
	require.Len(r.t, r.sink, before, "polls over an unchanged tenant emitted something")
}

// TestWithoutCrashesEveryVersionComesExactlyOnce also knows which change each record must say.
func TestWithoutCrashesEveryVersionComesExactlyOnce(t *testing.T) {
	r := newRig(t, 4)
	r.start()
	defer func() { r.stop() }()
	for i := range 300 {
		r.world.put(fmt.Sprintf("da%d", i%50), odata.FromTime(r.world.now))
		r.world.now = r.world.now.Add(20 * time.Second)
		r.finish()
	}
	require.Len(t, r.sink, 300)
	seen := map[string]bool{}
	for _, e := range r.sink {
		want := "created"
		if seen[e.id] {
			want = "updated"
		}
		seen[e.id] = true
		assert.Equal(t, want, e.change, e.id)
	}
}

// disk is a storage client in memory that survives the process, and may fail.
type disk struct {
	mu     sync.Mutex
	values map[string][]byte
	rate   float64
	rand   *rand.Rand
}

var errDisk = errors.New("no space left on device")

func (d *disk) failing() bool { return d.rate > 0 }

func (d *disk) fail() error {
	if d.rand == nil {
		d.rand = rand.New(rand.NewPCG(9, 9))
	}
	if d.rand.Float64() < d.rate {
		return errDisk
	}
	return nil
}

func (d *disk) Get(_ context.Context, key string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.values[key], d.fail()
}

func (d *disk) Set(ctx context.Context, key string, value []byte) error {
	return d.Batch(ctx, storage.SetOperation(key, value))
}

func (d *disk) Delete(ctx context.Context, key string) error {
	return d.Batch(ctx, storage.DeleteOperation(key))
}

func (d *disk) Batch(_ context.Context, ops ...*storage.Operation) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.fail(); err != nil {
		return err
	}
	for _, op := range ops {
		switch op.Type {
		case storage.Get:
			op.Value = d.values[op.Key]
		case storage.Set:
			d.values[op.Key] = slices.Clone(op.Value)
		case storage.Delete:
			delete(d.values, op.Key)
		}
	}
	return nil
}

func (d *disk) Close(context.Context) error { return nil }
