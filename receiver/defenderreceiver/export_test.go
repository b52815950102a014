package defenderreceiver

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/metadata"
)

// NewHastyFactory returns a factory of receivers that try again at once, on a host of the test's own. wrap stands
// between the receiver and its pipeline.
func NewHastyFactory(host component.Host, wrap func(consumer.Logs) consumer.Logs) receiver.Factory {
	create := func(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Logs) (receiver.Logs, error) {
		r, err := newReceiver(cfg.(*Config), set, wrap(next)) //nolint:forcetypeassert // the test's own
		if err != nil {
			return nil, err
		}
		r.pace = pace{first: time.Millisecond, limit: 20 * time.Millisecond}
		return onHost{r, host}, nil
	}
	return receiver.NewFactory(metadata.Type, createDefaultConfig, receiver.WithLogs(create, metadata.LogsStability))
}

// onHost starts a receiver on a host with extensions, where the caller has none.
type onHost struct {
	*defenderReceiver
	host component.Host
}

func (o onHost) Start(ctx context.Context, _ component.Host) error {
	return o.defenderReceiver.Start(ctx, o.host)
}
