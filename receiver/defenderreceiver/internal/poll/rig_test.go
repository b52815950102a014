package poll

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"golang.org/x/sync/semaphore"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/api"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/checkpoint"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/metadata"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/quota"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/source"
)

const (
	modelTenant = "72f988bf-86f1-41af-91ab-2d7cd011db47"
	overlap     = 10 * time.Minute
	maxMemory   = 1 << 20
)

// rig is a poller between a world and a pipeline, over a disk that survives it. A process of it can die at any step
// that touches the outside.
type rig struct {
	world *world
	disk  disk
	page  int
	batch int
	skew  time.Duration // of the poller's clock against the world's

	poller    *Poller
	telemetry component.TelemetrySettings // without a logger for none
	end       func()
	life      int // steps that touch the outside before the process dies; negative for ever
	// cancelAfter is how many steps come before the turn's context ends, and cancel ends it.
	cancelAfter int
	cancel      context.CancelFunc

	answers []answer // of the pipeline to the next batches
	sink    []emitted
	refused map[version]bool // for good
	crashes int
	faulty  bool // faults were ordered, after which an incident may lack alerts
}

// emitted is a record as the pipeline got it.
type emitted struct {
	version
	change, uid string
	alerts      int64 // of an incident, -1 where it does not say
}

type answer int

const (
	accepts answer = iota
	isBusy
	refuses
	isHalfBusy // one pipeline has no room, another refuses for good
)

var (
	errBusy = errors.New("queue is full")
	errDead = errors.New("the process is dead")
	errDisk = errors.New("no space left on device")
)

// alive counts a step down; false from the moment on at which the process dies.
func (r *rig) alive() bool {
	r.countdown()
	if r.life > 0 {
		r.life--
	}
	return r.life != 0
}

// countdown ends the turn's context at a step, or between two.
func (r *rig) countdown() {
	if r.cancel == nil {
		return
	}
	if r.cancelAfter--; r.cancelAfter < 0 {
		r.cancel()
	}
}

// clock is the poller's.
func (r *rig) clock() time.Time {
	r.countdown()
	return r.world.now.Add(r.skew)
}

// boot makes a new process: nothing but the disk survives the one before.
func (r *rig) boot() error {
	r.life = -1
	if r.telemetry.Logger == nil {
		r.telemetry = componenttest.NewNopTelemetrySettings()
	}
	builder, err := metadata.NewTelemetryBuilder(r.telemetry)
	if err != nil {
		return err
	}
	s, _ := source.Lookup(r.world.source)
	target, err := s.Target("public", source.Override{Endpoint: "https://api.example"})
	if err != nil {
		return err
	}
	store := checkpoint.NewStore(client{r}, 0)
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() { store.Serve(ctx) })
	r.end = func() { cancel(); serving.Wait() }
	r.poller = New(
		Subject{
			Tenant: entraauth.Tenant{ID: modelTenant, Name: "contoso"}, Target: target, Budget: quota.New(), Log: r.telemetry.Logger,
			FirstSweep: r.world.now.Add(time.Hour), FirstReconciliation: r.world.now.Add(2 * time.Hour),
		},
		&Settings{
			Source: s, PageSize: r.page, MaxBatch: max(1, r.batch), InitialLookback: 24 * time.Hour, Overlap: overlap,
			SweepInterval: 6 * time.Hour, SweepWindow: 72 * time.Hour, ReconcileInterval: 24 * time.Hour, Metrics: NewMetrics(builder, s.Key),
		},
		&Services{
			Client: api.New(&http.Client{Transport: transport{r}}, &api.Client{
				Timeout: time.Hour, MaxResponse: 1 << 20, Limits: odata.Limits{MaxRecord: 1 << 16},
			}),
			Store: store, Consume: r.consume, Memory: semaphore.NewWeighted(maxMemory), MaxMemory: maxMemory, ClockWarning: &ClockWarning{},
			Now: r.clock,
		},
	)
	return nil
}

// reboot ends the process and makes the next one.
func (r *rig) reboot() error {
	r.end()
	return r.boot()
}

// transport is the way to the world.
type transport struct{ *rig }

func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if !t.alive() {
		return nil, errDead
	}
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	return t.world.answer(req)
}

func (r *rig) consume(_ context.Context, logs plog.Logs) error {
	if !r.alive() {
		return errDead
	}
	next := accepts
	if len(r.answers) > 0 {
		next, r.answers = r.answers[0], r.answers[1:]
	}
	switch next {
	case isBusy:
		return errBusy
	case isHalfBusy:
		return fmt.Errorf("two pipelines: %w", errors.Join(consumererror.NewPermanent(errBusy), errBusy))
	}
	for _, lr := range logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
		updated, err := odata.ParseInstant(stringOf(lr.Attributes(), "microsoft.defender.updated"))
		if err != nil {
			return err
		}
		id := stringOf(lr.Attributes(), "microsoft.defender.alert.id")
		if id == "" {
			id = stringOf(lr.Attributes(), "microsoft.defender.incident.id")
		}
		alerts := int64(-1)
		if n, ok := lr.Attributes().Get("microsoft.defender.alerts.count"); ok {
			alerts = n.Int()
		}
		e := emitted{
			version{id, updated}, stringOf(lr.Attributes(), "microsoft.defender.change"), stringOf(lr.Attributes(), "log.record.uid"), alerts,
		}
		if next == refuses {
			r.refused[e.version] = true
			continue
		}
		r.sink = append(r.sink, e)
	}
	if next == refuses {
		return consumererror.NewPermanent(errBusy)
	}
	return nil
}

func stringOf(m pcommon.Map, key string) string {
	v, _ := m.Get(key)
	return v.Str()
}

// disk is what survives a process.
type disk struct {
	values map[string][]byte
	full   int  // transactions that fail next
	behind bool // the last one failed
	torn   bool
}

// client is a process's view of the disk. Of the transaction in which the process dies only a part may be there.
type client struct{ *rig }

var _ storage.Client = client{}

func (c client) Get(_ context.Context, key string) ([]byte, error) {
	if !c.alive() {
		return nil, errDead
	}
	return c.disk.values[key], nil
}

func (c client) Set(ctx context.Context, key string, value []byte) error {
	return c.Batch(ctx, storage.SetOperation(key, value))
}

func (c client) Delete(ctx context.Context, key string) error {
	return c.Batch(ctx, storage.DeleteOperation(key))
}

func (c client) Batch(_ context.Context, ops ...*storage.Operation) error {
	if !c.alive() {
		if c.disk.torn {
			c.disk.torn = false
			c.disk.apply(ops[:len(ops)/2])
		}
		return errDead
	}
	if c.disk.full > 0 {
		c.disk.full--
		c.disk.behind = true
		return errDisk
	}
	c.disk.behind = false
	c.disk.apply(ops)
	return nil
}

func (d *disk) apply(ops []*storage.Operation) {
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
}

func (c client) Close(context.Context) error { return nil }
