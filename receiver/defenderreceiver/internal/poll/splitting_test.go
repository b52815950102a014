package poll

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	"pgregory.net/rapid"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/record"
)

// pieces is a pipeline that takes parts.
type pieces struct {
	batches, refused int
	times            map[string]int // by uid
	body             map[string]string
	lost             map[string]bool // parts that were refused, true for good
	largest          int             // bytes of the bodies of one batch
	most             int             // records of one batch
	// answer is what it says to the n-th batch.
	answer func(n int) error
}

func (p *pieces) consume(_ context.Context, logs plog.Logs) error {
	p.batches++
	lrs := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	if err := p.answer(p.batches); err != nil {
		p.refused++
		for _, lr := range lrs.All() {
			part := partIn(lr.Body().Str())
			p.lost[part] = p.lost[part] || consumererror.IsPermanent(err)
		}
		return err
	}
	bytes := 0
	for _, lr := range lrs.All() {
		uid, body := stringOf(lr.Attributes(), "log.record.uid"), lr.Body().Str()
		p.times[uid]++
		p.body[uid] = body
		bytes += len(body)
	}
	p.largest, p.most = max(p.largest, bytes), max(p.most, lrs.Len())
	return nil
}

// partIn is the part in a body, which may be the whole record.
func partIn(body string) string {
	if _, part, whole := strings.Cut(body, `"alerts":`); whole {
		return strings.TrimSuffix(part, "}")
	}
	return body
}

func always(int) error { return nil }

// intoPieces makes a rig split incidents into batches of a few records.
func intoPieces(r *rig, batch int, parent bool, answer func(n int) error) *pieces {
	p := &pieces{times: map[string]int{}, body: map[string]string{}, lost: map[string]bool{}, answer: answer}
	r.poller.settings.MaxBatch = batch
	r.poller.settings.Record = record.Options{Split: record.SplitAlerts, SplitParent: parent}
	r.poller.services.Consume = p.consume
	return p
}

func TestPartsArriveOnceOverAnyBatches(t *testing.T) {
	for _, batch := range []int{1, 2, 3, 4, 7, 100} {
		t.Run(fmt.Sprint(batch), func(t *testing.T) {
			r := thirtyOf(t, "graph_incidents")
			p := intoPieces(r, batch, false, always)
			require.Zero(t, r.finish(t))
			assert.Len(t, p.times, 30*elements)
			assert.LessOrEqual(t, p.most, batch)
			before := p.batches
			r.world.now = r.world.now.Add(time.Minute)
			require.Zero(t, r.finish(t))
			assert.Equal(t, before, p.batches, "they are known as delivered")
		})
	}
}

// A record of which some parts were taken goes on with the others.
func TestARefusalBetweenPartsLosesAndRepeatsNone(t *testing.T) {
	busy := errors.New("queue is full")
	r := thirtyOf(t, "graph_incidents")
	p := intoPieces(r, 2, false, func(n int) error {
		if n%5 == 4 {
			return busy
		}
		return nil
	})
	for range 3 {
		require.Error(t, r.poller.Turn(context.Background()).Err)
	}
	p.answer = always
	r.finish(t)
	assert.Len(t, p.times, 30*elements)
	for uid, n := range p.times {
		assert.Equal(t, 1, n, uid)
	}
	assert.Equal(t, 3, p.refused)
	assert.Empty(t, r.poller.taken)
	assert.True(t, r.poller.services.Memory.TryAcquire(maxMemory), "all of it was given back")
}

// manyParts has one incident, with more parts than go into a few batches.
func manyParts(t *testing.T, parts int) *rig {
	t.Helper()
	r := thirtyOf(t, "graph_incidents")
	var list []string
	for i := range parts {
		list = append(list, fmt.Sprintf(`{"id":"%d"}`, i))
	}
	text := fmt.Sprintf(`{"value":[{"id":"large","lastUpdateDateTime":%q,"alerts":[%s]}]}`, r.world.now.UTC().Format(time.RFC3339), strings.Join(list, ","))
	r.world.instead = func(req *http.Request) *http.Response { return answered(req, http.StatusOK, text, nil) }
	return r
}

func TestAPipelineThatTakesAFewPartsAtATimeGetsAll(t *testing.T) {
	const parts, perTurn = 40, 3
	r := manyParts(t, parts)
	left := perTurn
	p := intoPieces(r, 4, false, func(int) error {
		if left--; left < 0 {
			return errBusy
		}
		return nil
	})
	turns := 0
	for ; r.poller.state == nil || r.poller.state.New(); turns++ {
		require.Less(t, turns, 10)
		left = perTurn
		r.poller.Turn(t.Context())
	}
	assert.Len(t, p.times, parts)
	for uid, n := range p.times {
		assert.Equal(t, 1, n, uid)
	}
}

func TestAnotherTextOfARecordBeginsAnew(t *testing.T) {
	r := manyParts(t, 10)
	p := intoPieces(r, 4, false, func(n int) error {
		if n == 2 {
			return errBusy
		}
		return nil
	})
	require.Error(t, r.poller.Turn(t.Context()).Err)
	require.Len(t, p.times, 4)
	text := fmt.Sprintf(`{"value":[{"id":"large","lastUpdateDateTime":%q,"alerts":[{"id":"9"},{"id":"x"},{"id":"0"}]}]}`, r.world.now.UTC().Format(time.RFC3339))
	r.world.instead = func(req *http.Request) *http.Response { return answered(req, http.StatusOK, text, nil) }
	require.Zero(t, r.finish(t))
	assert.Len(t, p.times, 6, "0 to 3, and of the others 9 and x")
}

// A record of which no part was in the batch is not named with it.
func TestARecordThatIsStillToComeIsNotNamed(t *testing.T) {
	core, logs := observer.New(zapcore.ErrorLevel)
	telemetry := componenttest.NewNopTelemetrySettings()
	telemetry.Logger = zap.New(core)
	r := thirtyOf(t, "graph_incidents", telemetry)
	p := intoPieces(r, elements, false, func(n int) error {
		if n == 1 {
			return consumererror.NewPermanent(errors.New("bad"))
		}
		return nil
	})
	r.finish(t)
	assert.Len(t, p.times, 29*elements)
	require.Equal(t, 1, logs.Len())
	assert.Len(t, logs.All()[0].ContextMap()["ids"], 1)
}

// What is refused for good is named, also where only a part of the record was in the batch, and is not sent again.
func TestPartsRefusedForGoodAreNamed(t *testing.T) {
	core, logs := observer.New(zapcore.ErrorLevel)
	telemetry := componenttest.NewNopTelemetrySettings()
	telemetry.Logger = zap.New(core)
	r := thirtyOf(t, "graph_incidents", telemetry)
	p := intoPieces(r, 2, false, func(n int) error {
		if n == 1 || n == 3 {
			return consumererror.NewPermanent(errors.New("bad"))
		}
		return nil
	})
	r.finish(t)
	assert.Len(t, p.times, 30*elements-4)
	require.Equal(t, 2, logs.Len())
	// Six parts of two records in three batches of two.
	assert.Len(t, logs.All()[0].ContextMap()["ids"], 1, "the first record, of which a part is still to come")
	assert.Len(t, logs.All()[1].ContextMap()["ids"], 1)
	assert.NotEqual(t, logs.All()[0].ContextMap()["ids"], logs.All()[1].ContextMap()["ids"])
	before := p.batches
	r.world.now = r.world.now.Add(time.Minute)
	r.finish(t)
	assert.Equal(t, before, p.batches, "they are not sent again")
}

// The whole of a large record around each of its many parts goes through the memory that there is, and no more.
func TestPartsKeepToTheMemory(t *testing.T) {
	const parts, shell = 400, 50_000
	r := thirtyOf(t, "graph_incidents")
	list := strings.TrimSuffix(strings.Repeat(`{"x":1},`, parts), ",")
	text := fmt.Sprintf(`{"value":[{"id":"large","lastUpdateDateTime":%q,"description":%q,"alerts":[%s]}]}`,
		r.world.now.UTC().Format(time.RFC3339), strings.Repeat("x", shell), list)
	r.world.instead = func(req *http.Request) *http.Response { return answered(req, http.StatusOK, text, nil) }
	p := intoPieces(r, MaxBatch, true, always)
	require.Zero(t, r.finish(t))
	assert.Len(t, p.times, parts)
	assert.LessOrEqual(t, p.largest, maxMemory)
	assert.Greater(t, p.batches, parts*shell/maxMemory)
	assert.True(t, r.poller.services.Memory.TryAcquire(maxMemory), "all of it was given back")
	for _, body := range p.body {
		assert.Greater(t, len(body), shell)
	}
}

// Whatever the pipeline says to any batch, and whenever the process dies: each part is taken, or was refused for good, and
// has one uid.
func TestPartsSurviveWhateverHappens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &rig{world: newWorld(), disk: disk{values: map[string][]byte{}}, refused: map[version]bool{}, page: rapid.IntRange(1, 12).Draw(t, "page")}
		r.world.source = "graph_incidents"
		require.NoError(t, r.boot())
		defer func() { r.end() }()
		want := map[string]bool{}
		for i := range rapid.IntRange(1, 20).Draw(t, "incidents") {
			id := fmt.Sprint("da", i)
			r.world.put(id, odata.FromTime(r.world.now), 0)
			r.world.now = r.world.now.Add(time.Duration(rapid.IntRange(0, 1).Draw(t, "apart")) * time.Second)
			for j := range elements {
				want[fmt.Sprintf(`{"id":"%s/%d"}`, id, j)] = true
			}
		}
		batch, parent := rapid.IntRange(1, 10).Draw(t, "batch"), rapid.Bool().Draw(t, "parent")
		answers := rapid.SliceOfN(rapid.SampledFrom([]error{nil, nil, errBusy, consumererror.NewPermanent(errBusy)}), 0, 40).Draw(t, "answers")
		p := intoPieces(r, batch, parent, func(n int) error {
			if n > len(answers) {
				return nil
			}
			return answers[n-1]
		})
		lives := rapid.IntRange(0, 5).Draw(t, "lives")
		for range lives {
			r.poller.Turn(context.Background())
			require.NoError(t, r.reboot())
			settings, services := r.poller.settings, r.poller.services
			settings.MaxBatch, settings.Record, services.Consume = batch, record.Options{Split: record.SplitAlerts, SplitParent: parent}, p.consume
			r.poller.settings, r.poller.services = settings, services
		}
		r.finish(t)
		bodies := map[string]string{}
		for uid, body := range p.body {
			require.True(t, lives > 0 || p.times[uid] == 1, "%s came %d times", uid, p.times[uid])
			part := partIn(body)
			require.NotContains(t, bodies, part, "two uids")
			bodies[part] = uid
			delete(want, part)
		}
		for body := range want {
			require.True(t, p.lost[body], "%s was neither taken nor refused for good", body)
		}
	})
}
