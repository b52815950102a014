package deployment

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/receiver"
	noopmetric "go.opentelemetry.io/otel/metric/noop"
	nooptrace "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension"
	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver"
)

// Running is a deployment whose extensions run. It is the host of what uses them.
type Running struct {
	*Deployment
	set        component.TelemetrySettings
	build      component.BuildInfo
	extensions map[component.ID]component.Component
	order      []component.Component // as they were started
}

// Start starts the extensions. Close ends them.
func (d *Deployment) Start(ctx context.Context, build component.BuildInfo, log *zap.Logger) (*Running, error) {
	r, err := d.StartStorage(ctx, build, log)
	if err != nil {
		return nil, err
	}
	for _, e := range d.Tenants {
		if err := r.add(ctx, entraauthextension.NewFactory(), e.ID, e.Config); err != nil {
			return nil, errors.Join(err, r.Close(context.WithoutCancel(ctx)))
		}
	}
	return r, nil
}

// StartStorage starts the storage extensions alone, which the others use.
func (d *Deployment) StartStorage(ctx context.Context, build component.BuildInfo, log *zap.Logger) (*Running, error) {
	r := &Running{
		Deployment: d, build: build, extensions: map[component.ID]component.Component{},
		set: component.TelemetrySettings{
			Logger: log, TracerProvider: nooptrace.NewTracerProvider(), MeterProvider: noopmetric.NewMeterProvider(),
			Resource: pcommon.NewResource(),
		},
	}
	for _, s := range d.storages {
		if err := r.add(ctx, s.factory, s.id, s.config); err != nil {
			return nil, errors.Join(err, r.Close(context.WithoutCancel(ctx)))
		}
	}
	return r, nil
}

func (r *Running) add(ctx context.Context, factory extension.Factory, id component.ID, cfg component.Config) error {
	ext, err := factory.Create(ctx, extension.Settings{ID: id, TelemetrySettings: r.set, BuildInfo: r.build}, cfg)
	if err != nil {
		return fmt.Errorf("extensions::%s: %w", id, err)
	}
	r.extensions[id] = ext
	r.order = append(r.order, ext)
	if err := ext.Start(ctx, r); err != nil {
		return fmt.Errorf("extensions::%s: %w", id, err)
	}
	return nil
}

// Settings are those that the extensions have.
func (r *Running) Settings() component.TelemetrySettings { return r.set }

// GetExtensions implements component.Host.
func (r *Running) GetExtensions() map[component.ID]component.Component { return r.extensions }

// List returns the tenants that an extension serves now.
func (r *Running) List(id component.ID) []entraauth.Tenant {
	directory, ok := r.extensions[id].(entraauth.Directory)
	if !ok {
		return nil
	}
	var list []entraauth.Tenant
	stop := directory.Watch(func(tenants []entraauth.Tenant) { list = tenants })
	stop()
	return list
}

// Prober returns a prober of a receiver's sources. Its idle connections are the caller's to close.
func (r *Running) Prober(ctx context.Context, of Receiver) (*defenderreceiver.Prober, error) {
	p, err := defenderreceiver.NewProber(ctx, of.Config, receiver.Settings{ID: of.ID, TelemetrySettings: r.set, BuildInfo: r.build}, r)
	if err != nil {
		return nil, fmt.Errorf("receivers::%s: %w", of.ID, err)
	}
	return p, nil
}

// Close ends the extensions, those first that were started last.
func (r *Running) Close(ctx context.Context) error {
	var errs []error
	for _, ext := range slices.Backward(r.order) {
		errs = append(errs, ext.Shutdown(ctx))
	}
	return errors.Join(errs...)
}
