package entraauthextension

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensionauth"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/internal/credential"
	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/internal/metadata"
	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/internal/tenants"
	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/internal/token"
)

// maxFarewell is how long the end waits for a reading of the tenants file.
const maxFarewell = 5 * time.Second

// authExtension puts tenants' tokens on requests.
type authExtension struct {
	id        component.ID
	cfg       *Config
	settings  component.TelemetrySettings
	telemetry *metadata.TelemetryBuilder
	now       func() time.Time
	// identity reaches the machine's endpoint of managed identities: link-local, so never by a proxy.
	identity credential.HTTPClient

	roster    atomic.Pointer[roster]
	directory tenants.Directory

	builder   builder
	client    *http.Client
	cancel    context.CancelFunc
	following chan struct{} // closed when the follower has ended; nil without one
}

var (
	_ extension.Extension      = (*authExtension)(nil)
	_ extensionauth.HTTPClient = (*authExtension)(nil)
	_ entraauth.Directory      = (*authExtension)(nil)
)

func newExtension(set extension.Settings, cfg *Config) (*authExtension, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	e := &authExtension{
		id: set.ID, cfg: cfg, settings: set.TelemetrySettings, telemetry: telemetry, now: time.Now,
		identity: &http.Client{Transport: &http.Transport{}},
		cancel:   func() {},
	}
	e.roster.Store(&roster{})
	return e, nil
}

// Start reads the tenants and the certificates. It is an error if the list, or every credential that the tenants share,
// cannot be used on this machine. Entra is not asked.
func (e *authExtension) Start(ctx context.Context, host component.Host) error {
	client, err := e.cfg.HTTP.ToClient(ctx, host.GetExtensions(), e.settings)
	if err != nil {
		return fmt.Errorf("building the HTTP client for the authority: %w", err)
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	e.client = client
	vault, err := newVault(e.cfg, e.id, host, e.settings.Logger)
	if err != nil {
		return err
	}
	e.builder = builder{cfg: e.cfg, env: e.environment(), keeper: e.newKeeper(), vault: vault, logger: e.settings.Logger}
	follower, err := e.load()
	if err != nil {
		return err
	}
	if err := errors.Join(e.telemetry.RegisterExtensionEntraAuthCredentialExpiryCallback(e.observeExpiry),
		e.telemetry.RegisterExtensionEntraAuthCredentialFailingCallback(e.observeFailing)); err != nil {
		return err
	}
	e.follow(follower)
	return nil
}

func (e *authExtension) environment() token.Environment {
	return token.Environment{
		HTTP: e.client, Identity: e.identity, Recheck: e.cfg.RecheckInterval, Now: e.now, Logger: e.settings.Logger,
		Observe: func(ctx context.Context, outcome, code string) {
			e.telemetry.ExtensionEntraAuthTokenRequests.Add(ctx, 1, metric.WithAttributes(attribute.String("outcome", outcome), attribute.String("error_code", code)))
		},
	}
}

// newKeeper allows an acquisition two requests' time: Entra is asked where a tenant's endpoint is, and then for the token.
func (e *authExtension) newKeeper() *token.Keeper {
	return token.NewKeeper(token.Options{Now: e.now, Recheck: e.cfg.RecheckInterval, Timeout: 2 * e.cfg.HTTP.Timeout})
}

// load makes the first roster, and a follower if the tenants are in a file.
func (e *authExtension) load() (*tenants.Follower, error) {
	rows, follower := e.cfg.Tenants, (*tenants.Follower)(nil)
	if path := e.cfg.TenantsFile; path != "" {
		data, err := tenants.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("tenants_file: %w", err)
		}
		if rows, err = e.cfg.merge(data); err != nil {
			return nil, fmt.Errorf("tenants_file %s: %w", path, err)
		}
		follower = &tenants.Follower{Path: path, Take: e.take, Logger: e.settings.Logger}
		follower.Begin(data)
	}
	first, err := e.builder.build(e.roster.Load(), rows)
	if err != nil {
		return nil, err
	}
	if err := e.builder.check(first); err != nil {
		return nil, err
	}
	e.publish(first)
	return follower, nil
}

// take puts a new content of the tenants file into effect.
func (e *authExtension) take(data []byte) (tenants.Changes, error) {
	rows, err := e.cfg.merge(data)
	if err != nil {
		return tenants.Changes{}, err
	}
	old := e.roster.Load()
	next, err := e.builder.build(old, rows)
	if err != nil {
		return tenants.Changes{}, err
	}
	changes := tenants.Compare(old.rows, rows)
	if changes.Any() {
		e.publish(next)
	}
	return changes, nil
}

func (e *authExtension) publish(r *roster) {
	e.roster.Store(r)
	e.directory.Set(r.visible(e.cfg.Cloud))
	e.warn(r)
}

// warn says what a list is likely not meant to be.
func (e *authExtension) warn(r *roster) {
	if len(r.byID) == 0 {
		e.settings.Logger.Warn("No tenant is enabled: nothing is read until one is")
	}
	if name := e.cfg.DefaultTenant; name != "" {
		if _, ok := r.findNamed(name); !ok {
			e.settings.Logger.Warn("default_tenant is not in the list or not enabled: requests that name no tenant get no token",
				zap.String("default_tenant", name))
		}
	}
}

func (e *authExtension) follow(follower *tenants.Follower) {
	if follower == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	e.cancel = cancel
	ended := make(chan struct{})
	e.following = ended
	go func() {
		defer close(ended)
		follower.Run(ctx)
	}()
}

// Shutdown ends the follower and the token requests under way.
func (e *authExtension) Shutdown(ctx context.Context) error {
	e.cancel()
	e.awaitFollower(ctx)
	if e.builder.keeper != nil {
		e.builder.keeper.Close()
		e.client.CloseIdleConnections()
	}
	e.identity.CloseIdleConnections()
	e.telemetry.Shutdown()
	return nil
}

// awaitFollower waits for a reading under way, but not for a file system that does not answer.
func (e *authExtension) awaitFollower(ctx context.Context) {
	if e.following == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, maxFarewell)
	defer cancel()
	select {
	case <-e.following:
	case <-ctx.Done():
		e.settings.Logger.Warn("Leaving a reading of the tenants file behind, which does not end", zap.String("file", e.cfg.TenantsFile))
	}
}

// Watch implements entraauth.Directory.
func (e *authExtension) Watch(onChange func([]entraauth.Tenant)) (stop func()) {
	return e.directory.Watch(onChange)
}

func (e *authExtension) observeExpiry(_ context.Context, o metric.Float64Observer) error {
	if end, ok := e.roster.Load().notAfter(); ok {
		o.Observe(end.Sub(e.now()).Seconds())
	}
	return nil
}

// observeFailing counts each credential once, also where it is used at several authorities.
func (e *authExtension) observeFailing(_ context.Context, o metric.Int64Observer) error {
	for failing := range e.roster.Load().failing() {
		o.Observe(1, metric.WithAttributes(
			attribute.String("application", failing.ClientID), attribute.Int("position", failing.Position),
			attribute.String("kind", failing.Kind), attribute.String("error_code", failing.Code),
		))
	}
	return nil
}
