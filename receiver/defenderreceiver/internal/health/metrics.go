package health

import (
	"cmp"
	"context"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/metadata"
)

const (
	// maxSets is how many attribute sets of an instrument the SDK keeps apart (2,000), less what the totals need.
	maxSets = 1_950
	// maxFailing is how many failing tenants have a point of their own.
	maxFailing = 1_500
)

// pollSeries is a point of receiver_defender_polls.
type pollSeries struct {
	series
	outcome string
}

// Register connects the board with the component's metrics; the builder's Shutdown ends it.
func (b *Board) Register(builder *metadata.TelemetryBuilder) error {
	b.polls = builder.ReceiverDefenderPolls
	if err := builder.RegisterReceiverDefenderFailingCallback(b.observeFailing); err != nil {
		return err
	}
	if err := builder.RegisterReceiverDefenderTenantsCallback(b.observeTenants); err != nil {
		return err
	}
	return builder.RegisterReceiverDefenderLagCallback(b.observeLag)
}

func (b *Board) count(ctx context.Context, s Subject, outcome string) {
	if b.polls == nil {
		return
	}
	b.polls.Add(ctx, 1, b.point(s, outcome))
}

// point is that of a subject's polls of an outcome; as long as there is room for it one of its own.
func (b *Board) point(s Subject, outcome string) metric.MeasurementOption {
	b.mu.Lock()
	defer b.mu.Unlock()
	own := pollSeries{s.series(), outcome}
	if known, ok := b.counted[own]; ok {
		return known
	}
	attributes := []attribute.KeyValue{attribute.String("source", s.Source), attribute.String("outcome", outcome)}
	if len(b.counted) >= maxSets || len(b.ever) > maxSets {
		b.sayDropped()
		return metric.WithAttributeSet(attribute.NewSet(attributes...))
	}
	point := metric.WithAttributeSet(attribute.NewSet(append(attributes, attribute.String("tenant", s.Tenant))...))
	b.counted[own] = point
	return point
}

// sayDropped tells once that there are too many tenants for a metric of each.
func (b *Board) sayDropped() {
	if b.said {
		return
	}
	b.said = true
	b.log.Warn("There are more tenants than a metric can tell apart: receiver_defender_polls, and with still more tenants " +
		"receiver_defender_lag, no longer carry the attribute tenant. The totals stay, and receiver_defender_failing names the tenants that fail.")
}

func (b *Board) observeFailing(_ context.Context, o metric.Int64Observer) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, st := range b.longestFailing() {
		o.Observe(1, metric.WithAttributes(attribute.String("tenant", st.subject.Tenant),
			attribute.String("source", st.subject.Source), attribute.String("reason", st.reason)))
	}
	return nil
}

// longestFailing returns as many as have a point of their own: always the same ones, so that no point comes and goes.
func (b *Board) longestFailing() []*state {
	failing := make([]*state, 0, b.failing)
	for _, st := range b.states {
		if st.reason != "" {
			failing = append(failing, st)
		}
	}
	if len(failing) <= maxFailing {
		return failing
	}
	slices.SortFunc(failing, func(x, y *state) int { return cmp.Compare(x.order, y.order) })
	return failing[:maxFailing]
}

func (b *Board) observeTenants(_ context.Context, o metric.Int64Observer) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	type set struct{ source, state string }
	counts := map[set]int64{}
	for _, st := range b.states {
		for _, name := range []string{"ok", "failing", "pending"} {
			counts[set{st.subject.Source, name}] += 0 // a state that nobody is in is 0, not absent
		}
		counts[set{st.subject.Source, st.name()}]++
	}
	for s, n := range counts {
		o.Observe(n, metric.WithAttributes(attribute.String("source", s.source), attribute.String("state", s.state)))
	}
	return nil
}

func (b *Board) observeLag(_ context.Context, o metric.Float64Observer) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	worst := map[string]time.Duration{}
	perTenant := len(b.ever) <= maxSets
	for _, st := range b.states {
		if st.cursor.IsZero() {
			continue
		}
		lag := max(0, now.Sub(st.cursor))
		source := attribute.String("source", st.subject.Source)
		if perTenant {
			o.Observe(lag.Seconds(), metric.WithAttributes(source, attribute.String("tenant", st.subject.Tenant)))
		}
		worst[st.subject.Source] = max(worst[st.subject.Source], lag)
	}
	if perTenant {
		return nil
	}
	for source, lag := range worst {
		o.Observe(lag.Seconds(), metric.WithAttributes(attribute.String("source", source)))
	}
	return nil
}
