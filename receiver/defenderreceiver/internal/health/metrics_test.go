package health

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/metadata"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/metadatatest"
)

// measured is a board whose metrics are read.
func measured(t *testing.T, subjects ...Subject) (*watched, *componenttest.Telemetry) {
	telemetry := componenttest.NewTelemetry()
	builder, err := metadata.NewTelemetryBuilder(telemetry.NewTelemetrySettings())
	require.NoError(t, err)
	w := watch(subjects...)
	require.NoError(t, w.Register(builder))
	t.Cleanup(func() {
		builder.Shutdown()
		assert.NoError(t, telemetry.Shutdown(context.Background()))
	})
	return w, telemetry
}

func many(n int) []Subject {
	subjects := make([]Subject, n)
	for i := range subjects {
		subjects[i] = Subject{fmt.Sprintf("id-%d", i), fmt.Sprintf("tenant-%d", i), "graph_alerts"}
	}
	return subjects
}

func set(pairs ...string) attribute.Set {
	var attributes []attribute.KeyValue
	for i := 0; i < len(pairs); i += 2 {
		attributes = append(attributes, attribute.String(pairs[i], pairs[i+1]))
	}
	return attribute.NewSet(attributes...)
}

func point[N int64 | float64](value N, pairs ...string) metricdata.DataPoint[N] {
	return metricdata.DataPoint[N]{Value: value, Attributes: set(pairs...)}
}

var anytime = metricdatatest.IgnoreTimestamp()

// points are those of a gauge or a sum, none where the metric is absent.
func points[N int64 | float64](t *testing.T, telemetry *componenttest.Telemetry, name string) []metricdata.DataPoint[N] {
	t.Helper()
	m, err := telemetry.GetMetric("otelcol_receiver_defender_" + name)
	if err != nil {
		return nil
	}
	switch data := m.Data.(type) {
	case metricdata.Gauge[N]:
		return data.DataPoints
	case metricdata.Sum[N]:
		return data.DataPoints
	}
	t.Fatalf("%s is a %T", name, m.Data)
	return nil
}

func TestTenantsAreCountedByState(t *testing.T) {
	w, telemetry := measured(t, contoso, contoso2, fabrikam)
	w.Worked(t.Context(), contoso, now)
	w.Failed(t.Context(), fabrikam, refused)
	metadatatest.AssertEqualReceiverDefenderTenants(t, telemetry, []metricdata.DataPoint[int64]{
		point[int64](1, "source", "endpoint_alerts", "state", "ok"),
		point[int64](1, "source", "endpoint_alerts", "state", "failing"),
		point[int64](0, "source", "endpoint_alerts", "state", "pending"),
		point[int64](0, "source", "graph_alerts", "state", "ok"),
		point[int64](0, "source", "graph_alerts", "state", "failing"),
		point[int64](1, "source", "graph_alerts", "state", "pending"),
	}, anytime)
	w.Worked(t.Context(), fabrikam, now)
	w.Remove(contoso2)
	metadatatest.AssertEqualReceiverDefenderTenants(t, telemetry, []metricdata.DataPoint[int64]{
		point[int64](2, "source", "endpoint_alerts", "state", "ok"),
		point[int64](0, "source", "endpoint_alerts", "state", "failing"),
		point[int64](0, "source", "endpoint_alerts", "state", "pending"),
	}, anytime)
}

func TestWhatFailsHasAPointWithItsReason(t *testing.T) {
	w, telemetry := measured(t, contoso, fabrikam)
	assert.Empty(t, points[int64](t, telemetry, "failing"))
	w.Failed(t.Context(), contoso, refused)
	w.Failed(t.Context(), contoso, down)
	metadatatest.AssertEqualReceiverDefenderFailing(t, telemetry, []metricdata.DataPoint[int64]{
		point[int64](1, "tenant", "contoso", "source", "endpoint_alerts", "reason", "server_error"),
	}, anytime)
	w.Worked(t.Context(), contoso, now)
	assert.Empty(t, points[int64](t, telemetry, "failing"))
}

func TestPollsAreCountedByOutcome(t *testing.T) {
	w, telemetry := measured(t, contoso)
	w.Worked(t.Context(), contoso, now)
	w.Worked(t.Context(), contoso, now)
	w.Failed(t.Context(), contoso, refused)
	w.Failed(t.Context(), contoso, refused)
	w.Failed(t.Context(), contoso, refused)
	metadatatest.AssertEqualReceiverDefenderPolls(t, telemetry, []metricdata.DataPoint[int64]{
		point[int64](2, "source", "endpoint_alerts", "tenant", "contoso", "outcome", "success"),
		point[int64](3, "source", "endpoint_alerts", "tenant", "contoso", "outcome", "failure"),
	}, anytime)
}

func TestTheLagIsTheAgeOfTheCursor(t *testing.T) {
	w, telemetry := measured(t, contoso, contoso2, fabrikam)
	w.Worked(t.Context(), contoso, now.Add(-90*time.Second))
	w.Progress(fabrikam, now.Add(-time.Hour)) // a backlog, not complete yet
	w.Progress(fabrikam, time.Time{})         // nothing new is known
	metadatatest.AssertEqualReceiverDefenderLag(t, telemetry, []metricdata.DataPoint[float64]{
		point(90.0, "source", "endpoint_alerts", "tenant", "contoso"),
		point(3600.0, "source", "endpoint_alerts", "tenant", "fabrikam"),
	}, anytime)
	w.Worked(t.Context(), contoso, now.Add(time.Minute))
	w.Remove(fabrikam)
	metadatatest.AssertEqualReceiverDefenderLag(t, telemetry, []metricdata.DataPoint[float64]{
		point(0.0, "source", "endpoint_alerts", "tenant", "contoso"), // a clock that was set back
	}, anytime)
}

func TestTheLongestFailingKeepTheirPoints(t *testing.T) {
	subjects := many(maxFailing + 400)
	w, telemetry := measured(t, subjects...)
	for _, s := range subjects {
		w.Failed(t.Context(), s, refused)
	}
	w.Failed(t.Context(), subjects[0], down) // another reason, not a new failure
	for range 3 {
		got := map[string]bool{}
		for _, p := range points[int64](t, telemetry, "failing") {
			name, _ := p.Attributes.Value("tenant")
			got[name.AsString()] = true
		}
		require.Len(t, got, maxFailing)
		for _, s := range subjects[:maxFailing] {
			require.True(t, got[s.Tenant], "%s lost its point", s.Tenant)
		}
	}
	w.Worked(t.Context(), subjects[7], now)
	assert.Len(t, points[int64](t, telemetry, "failing"), maxFailing, "the next one moves up")
	assert.Contains(t, fmt.Sprint(points[int64](t, telemetry, "failing")), subjects[maxFailing].Tenant)
}

func TestThePointsOfReasonsThatChangeStayWithinTheLimit(t *testing.T) {
	subjects := many(maxFailing)
	w, telemetry := measured(t, subjects...)
	for round := range 3 {
		for _, s := range subjects {
			w.Failed(t.Context(), s, Failure{Reason: fmt.Sprint("reason-", round), Cause: "x"})
		}
		got := points[int64](t, telemetry, "failing")
		require.Len(t, got, maxFailing)
		assert.NotContains(t, fmt.Sprint(got), "otel.metric.overflow")
	}
}

func TestTheAttributeTenantStaysAsLongAsItFits(t *testing.T) {
	subjects := many(maxSets / 2) // with two outcomes each
	w, telemetry := measured(t, subjects...)
	for _, s := range subjects {
		w.Failed(t.Context(), s, down)
		w.Worked(t.Context(), s, now.Add(-time.Minute))
	}
	polls := points[int64](t, telemetry, "polls")
	assert.Len(t, polls, maxSets)
	assert.NotContains(t, fmt.Sprint(polls), "otel.metric.overflow")
	assert.Zero(t, w.logs.FilterMessageSnippet("no longer carry").Len())
}

func TestTheAttributeTenantIsDroppedWithOneWarning(t *testing.T) {
	subjects := many(maxSets + 1)
	w, telemetry := measured(t, subjects[:maxSets]...)
	w.Worked(t.Context(), subjects[0], now)
	require.Zero(t, w.logs.Len())
	w.Add(subjects[maxSets])
	assert.Equal(t, 1, w.logs.FilterMessageSnippet("no longer carry the attribute tenant").Len())

	for i, s := range subjects {
		w.Worked(t.Context(), s, now.Add(-time.Duration(i)*time.Second))
	}
	polls := points[int64](t, telemetry, "polls")
	assert.Len(t, polls, 2, "the one from before and the one without a tenant")
	assert.Equal(t, int64(len(subjects)+1), total(polls), "the totals stay")
	metadatatest.AssertEqualReceiverDefenderLag(t, telemetry, []metricdata.DataPoint[float64]{
		point(float64(maxSets), "source", "graph_alerts"), // the largest
	}, anytime)
	assert.Equal(t, 1, w.logs.FilterMessageSnippet("no longer carry").Len())
}

// TestOnlyPollsThatHappenedNeedRoom: a thousand tenants that work fit, and those that fail as well as long as they do.
func TestOnlyPollsThatHappenedNeedRoom(t *testing.T) {
	subjects := many(1_000)
	w, telemetry := measured(t, subjects...)
	for _, s := range subjects {
		w.Worked(t.Context(), s, now)
	}
	for _, s := range subjects[:maxSets-1_000] {
		w.Failed(t.Context(), s, down)
	}
	require.Zero(t, w.logs.FilterMessageSnippet("no longer carry").Len())
	require.Len(t, points[int64](t, telemetry, "polls"), maxSets)

	w.Failed(t.Context(), subjects[999], down)
	assert.Equal(t, 1, w.logs.FilterMessageSnippet("no longer carry").Len())
	polls := points[int64](t, telemetry, "polls")
	assert.Len(t, polls, maxSets+1, "one without a tenant")
	assert.Equal(t, int64(maxSets+1), total(polls))
}

func total(points []metricdata.DataPoint[int64]) (sum int64) {
	for _, p := range points {
		sum += p.Value
	}
	return sum
}

func TestTheLagKeepsTheTenantLonger(t *testing.T) {
	subjects := many(maxSets)
	w, telemetry := measured(t, subjects...)
	for _, s := range subjects {
		w.Worked(t.Context(), s, now)
	}
	lag := points[float64](t, telemetry, "lag")
	assert.Len(t, lag, maxSets)
	assert.NotContains(t, fmt.Sprint(lag), "otel.metric.overflow")
	assert.Len(t, points[int64](t, telemetry, "polls"), maxSets)
}

func TestNamesOfThePastCountToo(t *testing.T) {
	subjects := many(maxSets / 2) // with two outcomes each
	w, telemetry := measured(t, subjects...)
	for _, s := range subjects {
		w.Worked(t.Context(), s, now)
		w.Failed(t.Context(), s, down)
	}
	for _, s := range subjects {
		s.Tenant = strings.ToUpper(s.Tenant)
		w.Add(s)
		w.Worked(t.Context(), s, now)
		w.Failed(t.Context(), s, down)
	}
	assert.NotContains(t, fmt.Sprint(points[int64](t, telemetry, "polls")), "otel.metric.overflow")
	assert.Equal(t, 1, w.logs.FilterMessageSnippet("no longer carry").Len())
	for _, p := range points[int64](t, telemetry, "failing") {
		name, _ := p.Attributes.Value("tenant")
		assert.Equal(t, strings.ToUpper(name.AsString()), name.AsString())
	}
}
