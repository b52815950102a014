package poll

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
)

// observed is a rig with thirty alerts of which the log and the metrics can be read.
type observed struct {
	*rig
	t         *testing.T
	telemetry *componenttest.Telemetry
	logs      *observer.ObservedLogs
}

func newObserved(t *testing.T) *observed {
	o := &observed{t: t, telemetry: componenttest.NewTelemetry()}
	t.Cleanup(func() { require.NoError(t, o.telemetry.Shutdown(context.Background())) })
	core, logs := observer.New(zapcore.DebugLevel)
	o.logs = logs
	settings := o.telemetry.NewTelemetrySettings()
	settings.Logger = zap.New(core)
	o.rig = thirty(t, settings)
	return o
}

// pass lets the time go by, with a complete poll at each step.
func (o *observed) pass(d, step time.Duration) {
	for end := o.world.now.Add(d); o.world.now.Before(end); {
		o.world.now = o.world.now.Add(step)
		o.finish(o.t)
	}
}

// outcomes are those of the reconciliations so far.
func (o *observed) outcomes() map[string]int64 {
	counts := map[string]int64{}
	points, err := o.telemetry.GetMetric("otelcol_receiver_defender_reconciled")
	require.NoError(o.t, err)
	for _, point := range points.Data.(metricdata.Sum[int64]).DataPoints {
		outcome, _ := point.Attributes.Value("outcome")
		counts[outcome.AsString()] += point.Value
	}
	return counts
}

// TestTheReconciliationComparesADay runs past the first one, which is due after two hours.
func TestTheReconciliationComparesADay(t *testing.T) {
	tests := map[string]struct {
		happens func(o *observed)
		want    map[string]int64
		level   zapcore.Level
		text    string
	}{
		"everything was delivered": {
			happens: func(*observed) {},
			want:    map[string]int64{"matched": 30, "missing": 0, "no_longer_listed": 0, "unusable": 0},
			level:   zapcore.DebugLevel, text: "found every listed record delivered",
		},
		"an alert shows long after the overlap": {
			happens: func(o *observed) { o.world.put("late", odata.FromTime(o.world.now), 90*time.Minute) },
			want:    map[string]int64{"matched": 30, "missing": 1, "no_longer_listed": 0, "unusable": 0},
			level:   zapcore.WarnLevel, text: "found records that had not been delivered",
		},
		"an alert is deleted": {
			happens: func(o *observed) {
				o.pass(5*time.Minute, 5*time.Minute)
				delete(o.world.alerts, "da7")
			},
			want:  map[string]int64{"matched": 29, "missing": 0, "no_longer_listed": 1, "unusable": 0},
			level: zapcore.InfoLevel, text: "found every usable record delivered",
		},
		"an alert changes while the window is compared": {
			happens: func(o *observed) {
				o.pass(2*time.Hour-5*time.Minute, 5*time.Minute)
				o.world.now = o.world.now.Add(5 * time.Minute)
				between := o.world.now.Add(o.world.latency + o.world.latency/2) // the poll's request and the comparison's
				o.world.put("da7", odata.FromTime(between), 0)
				o.finish(o.t)
			},
			want:  map[string]int64{"matched": 29, "missing": 0, "no_longer_listed": 0, "unusable": 0},
			level: zapcore.DebugLevel, text: "found every listed record delivered",
		},
		"an alert cannot be read": {
			happens: func(o *observed) { o.world.poison["da7"] = failsAlways },
			want:    map[string]int64{"matched": 29, "missing": 0, "no_longer_listed": 0, "unusable": 1},
			level:   zapcore.InfoLevel, text: "found every usable record delivered",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o := newObserved(t)
			tt.happens(o)
			o.pass(6*time.Hour, 5*time.Minute)
			assert.Equal(t, tt.want, o.outcomes())
			lines := o.logs.FilterMessageSnippet("The reconciliation").All()
			require.Len(t, lines, 1)
			assert.Equal(t, tt.level, lines[0].Level)
			assert.Contains(t, lines[0].Message, tt.text)
			assert.Contains(t, lines[0].Message, "endpoint_alerts of contoso")
			assert.LessOrEqual(t, o.logs.FilterMessageSnippet("cannot be read").Len(), 1, "a record is quarantined once")
		})
	}
}

func TestALateRecordIsCountedWithHowLate(t *testing.T) {
	o := newObserved(t)
	o.world.put("late", odata.FromTime(o.world.now), 50*time.Minute)
	o.pass(2*time.Hour, 5*time.Minute) // the sweep is due after one
	found := o.logs.FilterMessageSnippet("A sweep found records").All()
	require.Len(t, found, 1)
	assert.Equal(t, []any{"late"}, found[0].ContextMap()["ids"])

	lateness, err := o.telemetry.GetMetric("otelcol_receiver_defender_lateness")
	require.NoError(t, err)
	point := lateness.Data.(metricdata.Histogram[float64]).DataPoints[0]
	assert.Equal(t, uint64(1), point.Count)
	assert.InDelta(t, time.Hour.Seconds(), point.Sum, (6 * time.Minute).Seconds())
}

// TestAReconciliationThatBreaksOffIsTakenUpAgain: what it had delivered until then is in its account all the same.
func TestAReconciliationThatBreaksOffIsTakenUpAgain(t *testing.T) {
	o := newObserved(t)
	o.world.put("late", odata.FromTime(o.world.now), 90*time.Minute)
	o.pass(time.Hour+55*time.Minute, 5*time.Minute)
	o.world.now = o.world.now.Add(10 * time.Minute)
	for range rereadAttempts {
		o.answers = []answer{isBusy}
		o.finish(t)
	}
	require.Equal(t, 1, o.logs.FilterMessageSnippet("broke off").Len())
	require.Empty(t, o.logs.FilterMessageSnippet("The reconciliation").All())

	o.pass(7*time.Hour, 10*time.Minute)
	assert.Equal(t, int64(1), o.outcomes()["missing"]+int64(o.logs.FilterMessageSnippet("A sweep found").Len()))
	assert.Equal(t, "late", o.sink[len(o.sink)-1].id)
	assert.Len(t, o.sink, 31)
}
