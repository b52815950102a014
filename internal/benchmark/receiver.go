package main

import (
	"context"
	"errors"
	"sync/atomic"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver"
)

// receive runs the receiver and its extension alone, before a consumer that drops everything.
func receive(ctx context.Context, o options) error {
	end := begin()
	seen, done := atomic.Int64{}, make(chan struct{})
	next, err := consumer.NewLogs(func(_ context.Context, logs plog.Logs) error {
		n := int64(logs.LogRecordCount())
		if total := seen.Add(n); total >= int64(o.alerts) && total-n < int64(o.alerts) {
			close(done)
		}
		return nil
	})
	if err != nil {
		return err
	}
	host := extensions{}
	ext, err := startExtension(ctx, o, host)
	if err != nil {
		return err
	}
	factory := defenderreceiver.NewFactory()
	cfg := factory.CreateDefaultConfig()
	if err := confmap.NewFromStringMap(map[string]any{
		"auth":             map[string]any{"authenticator": "entra_auth"},
		"initial_lookback": lookback.String(),
		"sources":          map[string]any{"endpoint_alerts": map[string]any{"endpoint": o.url, "page_size": o.page}},
	}).Unmarshal(cfg); err != nil {
		return err
	}
	r, err := factory.CreateLogs(ctx, receivertest.NewNopSettings(factory.Type()), cfg, next)
	if err != nil {
		return err
	}
	if err := r.Start(ctx, host); err != nil {
		return err
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
	stopped := context.WithoutCancel(ctx)
	return errors.Join(r.Shutdown(stopped), ext.Shutdown(stopped), end(int(seen.Load())))
}

// extensions is a host that has nothing else.
type extensions map[component.ID]component.Component

func (e extensions) GetExtensions() map[component.ID]component.Component { return e }

func startExtension(ctx context.Context, o options, host extensions) (extension.Extension, error) {
	factory := entraauthextension.NewFactory()
	cfg := factory.CreateDefaultConfig()
	if err := confmap.NewFromStringMap(map[string]any{
		"authority_host": o.authority,
		"application": map[string]any{
			"client_id": cloudsim.ClientID, "credentials": []any{map[string]any{"client_secret": cloudsim.ClientSecret}},
		},
		"tenants": []any{map[string]any{"id": tenantID(0)}},
		"http":    map[string]any{"tls": map[string]any{"ca_file": o.ca}},
	}).Unmarshal(cfg); err != nil {
		return nil, err
	}
	ext, err := factory.Create(ctx, extensiontest.NewNopSettings(factory.Type()), cfg)
	if err != nil {
		return nil, err
	}
	host[component.MustNewID("entra_auth")] = ext
	return ext, ext.Start(ctx, componenttest.NewNopHost())
}
