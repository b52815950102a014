package retryonstatusextension

import (
	"context"
	"net/http"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"
	"go.uber.org/zap"

	"github.com/otelcol-defender/otelcol-defender/extension/retryonstatusextension/internal/metadata"
)

// retryExtension makes the round trippers of the HTTP clients that name it.
type retryExtension struct {
	statuses  []int
	logger    *zap.Logger
	telemetry *metadata.TelemetryBuilder
	now       func() time.Time
}

var (
	_ extension.Extension            = (*retryExtension)(nil)
	_ extensionmiddleware.HTTPClient = (*retryExtension)(nil)
)

func newExtension(set extension.Settings, cfg *Config) (*retryExtension, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	return &retryExtension{statuses: cfg.Statuses, logger: set.Logger, telemetry: telemetry, now: time.Now}, nil
}

// Start has nothing to do: the clients come by themselves.
func (e *retryExtension) Start(context.Context, component.Host) error { return nil }

// Shutdown ends the metrics.
func (e *retryExtension) Shutdown(context.Context) error {
	e.telemetry.Shutdown()
	return nil
}

// GetHTTPRoundTripper implements extensionmiddleware.HTTPClient.
func (e *retryExtension) GetHTTPRoundTripper(context.Context) (extensionmiddleware.WrapHTTPRoundTripperFunc, error) {
	return func(_ context.Context, base http.RoundTripper) (http.RoundTripper, error) {
		return &roundTripper{ext: e, base: base, state: state{logger: e.logger, now: e.now}}, nil
	}, nil
}
