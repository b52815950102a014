package defenderreceiver

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/metadata"
)

// Config is the configuration of the receiver.
type Config struct{}

type rcv struct {
	component.StartFunc
	component.ShutdownFunc
}

// NewFactory returns the factory of the receiver.
func NewFactory() receiver.Factory {
	return receiver.NewFactory(metadata.Type, func() component.Config { return &Config{} },
		receiver.WithLogs(func(context.Context, receiver.Settings, component.Config, consumer.Logs) (receiver.Logs, error) {
			return rcv{}, nil
		}, metadata.LogsStability))
}
