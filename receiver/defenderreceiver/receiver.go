package defenderreceiver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/receiver"
	"go.uber.org/zap"
	"golang.org/x/sync/semaphore"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/api"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/checkpoint"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/health"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/metadata"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/poll"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/schedule"
)

// defenderReceiver resolves what the host has, builds the machine, starts and stops it.
type defenderReceiver struct {
	cfg  *Config
	set  receiver.Settings
	next consumer.Logs
	pace pace

	builder *metadata.TelemetryBuilder
	client  storage.Client
	idle    func() // closes idle connections
	cancel  context.CancelFunc
	// cancelStore comes later: the last polls store their checkpoints while the receiver shuts down.
	cancelStore context.CancelFunc
	unwatch     func()
	workers     sync.WaitGroup
	storing     sync.WaitGroup
}

func newReceiver(cfg *Config, set receiver.Settings, next consumer.Logs) (*defenderReceiver, error) {
	builder, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	return &defenderReceiver{cfg: cfg, set: set, next: next, pace: defaultPace(), builder: builder}, nil
}

// Start fails only for what is wrong on this machine, never for a tenant.
func (r *defenderReceiver) Start(ctx context.Context, host component.Host) error {
	directory, err := r.directory(host)
	if err != nil {
		return err
	}
	httpClient, err := r.httpClient(ctx, host)
	if err != nil {
		return err
	}
	r.idle = httpClient.CloseIdleConnections
	deliver, err := newDelivery(r.set, r.next)
	if err != nil {
		return err
	}
	board := health.NewBoard(r.set.Logger, func(e *componentstatus.Event) { componentstatus.ReportStatus(host, e) }, time.Now)
	if err := board.Register(r.builder); err != nil {
		return err
	}
	if r.client, err = r.storageClient(ctx, host); err != nil {
		return err
	}
	store := checkpoint.NewStore(r.client, checkpoint.Spacing).Patient(checkpoint.Patience)
	services := poll.Services{
		Client:       newClient(r.cfg, r.set, httpClient),
		Store:        store,
		Consume:      deliver.consume,
		Memory:       semaphore.NewWeighted(int64(r.cfg.MaxInflightBytes)),
		MaxMemory:    int64(r.cfg.MaxInflightBytes),
		ClockWarning: &poll.ClockWarning{},
		Now:          time.Now,
	}
	scheduler := schedule.New(r.cfg.MaxConcurrency, firstEvery)
	r.run(directory, newTenants(r.cfg, r.set, services, scheduler, board, r.builder, r.pace), scheduler, store)
	return nil
}

// httpClient reaches the APIs.
func (r *defenderReceiver) httpClient(ctx context.Context, host component.Host) (*http.Client, error) {
	own := r.cfg.HTTP
	own.MaxIdleConnsPerHost = max(own.MaxIdleConnsPerHost, r.cfg.MaxConcurrency)
	// Whether there is TLS is what an endpoint's scheme says. Where it is set the client would get Go's default TLS settings,
	// which offer HTTP/2 also where it is off.
	own.TLS.Insecure = false
	if !own.ForceAttemptHTTP2 {
		own.HTTP2ReadIdleTimeout = 0 // it would turn HTTP/2 on
	}
	httpClient, err := own.ToClient(ctx, host.GetExtensions(), r.set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("building the HTTP client: %w", err)
	}
	return httpClient, nil
}

// newClient reads pages within the configuration's limits.
func newClient(cfg *Config, set receiver.Settings, httpClient *http.Client) *api.Client {
	return api.New(httpClient, &api.Client{
		Timeout:     cfg.HTTP.Timeout,
		MaxResponse: int64(cfg.MaxResponseSize),
		Limits:      odata.Limits{MaxRecord: int(min(cfg.MaxRecordSize, cfg.MaxResponseSize))},
		UserAgent:   set.BuildInfo.Command + "/" + set.BuildInfo.Version,
	})
}

// run starts the goroutines. They do not end with Start's context.
func (r *defenderReceiver) run(directory entraauth.Directory, tenants *tenants, scheduler *schedule.Scheduler, store *checkpoint.Store) {
	ctx, cancel := context.WithCancel(context.Background())
	storeCtx, cancelStore := context.WithCancel(context.Background())
	r.cancel, r.cancelStore = cancel, cancelStore
	r.storing.Go(func() { store.Serve(storeCtx) })
	r.workers.Go(func() { scheduler.Serve(ctx) })
	r.workers.Go(func() { tenants.retain(ctx, store) })
	r.unwatch = directory.Watch(tenants.update)
}

// Shutdown lets the polls that are under way end, stores their checkpoints, and returns. It may be called at any time.
func (r *defenderReceiver) Shutdown(ctx context.Context) error {
	if r.cancel != nil {
		r.unwatch()
		r.cancel()
		r.workers.Wait()
		r.cancelStore()
		r.storing.Wait()
		r.cancel = nil
	}
	if r.idle != nil {
		r.idle()
	}
	r.builder.Shutdown()
	if r.client == nil {
		return nil
	}
	client := r.client
	r.client = nil
	return client.Close(ctx)
}

// directory finds the extension that has the tenants.
func (r *defenderReceiver) directory(host component.Host) (entraauth.Directory, error) {
	if !r.cfg.HTTP.Auth.HasValue() {
		return nil, errors.New("`auth` is required: tokens and tenants come from the extension it names")
	}
	id := r.cfg.HTTP.Auth.Get().AuthenticatorID
	extension, found := host.GetExtensions()[id]
	if !found {
		return nil, fmt.Errorf("`auth` names %s, which is not an extension of the service", id)
	}
	directory, ok := extension.(entraauth.Directory)
	if !ok {
		return nil, fmt.Errorf("`auth` names %s, which has no tenants: it takes an entra_auth extension", id)
	}
	return directory, nil
}

func (r *defenderReceiver) storageClient(ctx context.Context, host component.Host) (storage.Client, error) {
	if r.cfg.StorageID == nil {
		r.set.Logger.Warn("`storage` is not set: after a restart every tenant begins again at initial_lookback. " +
			"Alerts of the time before are lost if the collector was down longer, and the others are repeated.")
		return storage.NewNopClient(), nil
	}
	extension, found := host.GetExtensions()[*r.cfg.StorageID]
	if !found {
		return nil, fmt.Errorf("`storage` names %s, which is not an extension of the service", r.cfg.StorageID)
	}
	store, ok := extension.(storage.Extension)
	if !ok {
		return nil, fmt.Errorf("`storage` names %s, which is not a storage extension such as file_storage", r.cfg.StorageID)
	}
	// A store may end the whole process on a damaged file, in a place where nothing can be caught: this line stands above.
	r.set.Logger.Info("Opening `storage`. If the collector ends here, the stored file is damaged: move it away, and every tenant is read again from initial_lookback on.",
		zap.Stringer("storage", r.cfg.StorageID))
	client, err := store.GetClient(ctx, component.KindReceiver, r.set.ID, "")
	if err != nil {
		return nil, fmt.Errorf("opening `storage` %s (is it read-only, damaged, or used by another collector?): %w", r.cfg.StorageID, err)
	}
	return client, nil
}
