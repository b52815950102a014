package poll

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/metadata"
)

// Metrics counts what happens to the records of one source.
type Metrics struct {
	builder                  *metadata.TelemetryBuilder
	source, created, updated metric.MeasurementOption
	reconciliation           [4]metric.MeasurementOption // as the fields of reconciled
}

// NewMetrics returns the counters of a source.
func NewMetrics(builder *metadata.TelemetryBuilder, source string) *Metrics {
	with := func(more ...attribute.KeyValue) metric.MeasurementOption {
		return metric.WithAttributeSet(attribute.NewSet(append(more, attribute.String("source", source))...))
	}
	outcome := func(value string) metric.MeasurementOption { return with(attribute.String("outcome", value)) }
	return &Metrics{
		reconciliation: [4]metric.MeasurementOption{
			outcome("matched"), outcome("missing"), outcome("no_longer_listed"), outcome("unusable"),
		},
		builder: builder,
		source:  with(),
		created: with(attribute.String("change", "created")),
		updated: with(attribute.String("change", "updated")),
	}
}

func (m *Metrics) delivered(ctx context.Context, created, updated int) {
	m.builder.ReceiverDefenderRecords.Add(ctx, int64(created), m.created)
	m.builder.ReceiverDefenderRecords.Add(ctx, int64(updated), m.updated)
}

// late counts a record that was delivered for the first time so long after its update time.
func (m *Metrics) late(ctx context.Context, lateness time.Duration) {
	m.builder.ReceiverDefenderLateArrivals.Add(ctx, 1, m.source)
	m.builder.ReceiverDefenderLateness.Record(ctx, lateness.Seconds(), m.source)
}

// reconciled is the outcome of a reconciliation, in records.
type reconciled struct{ matched, missing, gone, unusable int }

func (m *Metrics) reconciled(ctx context.Context, r reconciled) {
	for i, n := range []int{r.matched, r.missing, r.gone, r.unusable} {
		m.builder.ReceiverDefenderReconciled.Add(ctx, int64(n), m.reconciliation[i])
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
