package poll

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/metadata"
)

// Metrics counts what happens to the records of one source.
type Metrics struct {
	builder                  *metadata.TelemetryBuilder
	source, created, updated metric.MeasurementOption
}

// NewMetrics returns the counters of a source.
func NewMetrics(builder *metadata.TelemetryBuilder, source string) *Metrics {
	with := func(more ...attribute.KeyValue) metric.MeasurementOption {
		return metric.WithAttributeSet(attribute.NewSet(append(more, attribute.String("source", source))...))
	}
	return &Metrics{
		builder: builder,
		source:  with(),
		created: with(attribute.String("change", "created")),
		updated: with(attribute.String("change", "updated")),
	}
}

func (m *Metrics) delivered(ctx context.Context, created, updated, late int) {
	m.builder.ReceiverDefenderRecords.Add(ctx, int64(created), m.created)
	m.builder.ReceiverDefenderRecords.Add(ctx, int64(updated), m.updated)
	if late > 0 {
		m.builder.ReceiverDefenderLateArrivals.Add(ctx, int64(late), m.source)
	}
}

func (m *Metrics) duplicates(ctx context.Context, n int) {
	m.builder.ReceiverDefenderDuplicates.Add(ctx, int64(n), m.source)
}

func (m *Metrics) quarantined(ctx context.Context) {
	m.builder.ReceiverDefenderQuarantined.Add(ctx, 1, m.source)
}

func (m *Metrics) refused(ctx context.Context, n int) {
	m.builder.ReceiverDefenderRefused.Add(ctx, int64(n), m.source)
}

func (m *Metrics) throttled(ctx context.Context) {
	m.builder.ReceiverDefenderThrottled.Add(ctx, 1, m.source)
}
