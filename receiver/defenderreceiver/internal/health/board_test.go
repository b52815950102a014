package health

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

var (
	now      = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	contoso  = Subject{"72f988bf-86f1-41af-91ab-2d7cd011db47", "contoso", "endpoint_alerts"}
	contoso2 = Subject{"72f988bf-86f1-41af-91ab-2d7cd011db47", "contoso", "graph_alerts"}
	fabrikam = Subject{"11111111-86f1-41af-91ab-2d7cd011db47", "fabrikam", "endpoint_alerts"}
	refused  = Failure{Reason: "not_consented", Action: "the customer consents", Cause: "AADSTS65001"}
	down     = Failure{Reason: "server_error", Action: "nobody; the receiver tries again", Cause: "HTTP 503"}
)

// watched is a board with everything that it tells.
type watched struct {
	*Board
	logs   *observer.ObservedLogs
	events []*componentstatus.Event
}

func watch(subjects ...Subject) *watched {
	w := &watched{}
	core, logs := observer.New(zapcore.DebugLevel)
	w.logs = logs
	report := func(e *componentstatus.Event) { w.events = append(w.events, e) }
	w.Board = NewBoard(zap.New(core), report, func() time.Time { return now })
	for _, s := range subjects {
		w.Add(s)
	}
	return w
}

func (w *watched) statuses() []componentstatus.Status {
	var statuses []componentstatus.Status
	for _, e := range w.events {
		statuses = append(statuses, e.Status())
	}
	return statuses
}

// lines are the log lines since the last call, each as its level, tenant and reason.
func (w *watched) lines() []string {
	var lines []string
	for _, e := range w.logs.TakeAll() {
		fields := e.ContextMap()
		lines = append(lines, e.Level.String()+" "+fields["tenant"].(string)+" "+fields["reason"].(string)) //nolint:forcetypeassert // or the test fails
	}
	return lines
}

func TestOneLineAtEachChangeOfState(t *testing.T) {
	ctx, w := t.Context(), watch(contoso, fabrikam)

	w.Worked(ctx, contoso, now)
	w.Worked(ctx, contoso, now)
	assert.Empty(t, w.lines(), "what works is silent")

	w.Failed(ctx, contoso, refused)
	assert.Equal(t, []string{"warn contoso not_consented"}, w.lines())
	for range 100 {
		w.Failed(ctx, contoso, refused)
	}
	assert.Empty(t, w.lines(), "the same reason is said once")

	w.Failed(ctx, contoso, down)
	assert.Equal(t, []string{"warn contoso server_error"}, w.lines(), "another reason is news")
	w.Failed(ctx, contoso, refused)
	assert.Equal(t, []string{"warn contoso not_consented"}, w.lines())

	w.Failed(ctx, fabrikam, refused)
	assert.Equal(t, []string{"warn fabrikam not_consented"}, w.lines(), "each tenant has its own line")

	w.Worked(ctx, contoso, now)
	assert.Equal(t, []string{"info contoso not_consented"}, w.lines(), "the end is said, with what it was")
	w.Worked(ctx, contoso, now)
	assert.Empty(t, w.lines())
	w.Failed(ctx, contoso, refused)
	assert.Equal(t, []string{"warn contoso not_consented"}, w.lines(), "a new failure is news again")
}

func TestAPollThatIsStuckFailsUntilItIsNot(t *testing.T) {
	ctx, w := t.Context(), watch(contoso)
	w.Stuck(contoso, refused)
	w.Stuck(contoso, refused)
	assert.Equal(t, []string{"warn contoso not_consented"}, w.lines())
	assert.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError}, w.statuses())
	w.Worked(ctx, contoso, now)
	assert.Equal(t, []string{"info contoso not_consented"}, w.lines())
}

func TestALineSaysWhoAndWhyAndWhoMustAct(t *testing.T) {
	w := watch(contoso)
	w.Failed(t.Context(), contoso, refused)
	w.Worked(t.Context(), contoso, now)
	entries := w.logs.All()
	require.Len(t, entries, 2)
	assert.Equal(t, map[string]any{
		"tenant": "contoso", "azure.tenant.id": contoso.TenantID, "source": "endpoint_alerts",
		"reason": "not_consented", "action": "the customer consents", "error": "AADSTS65001",
	}, entries[0].ContextMap())
	assert.Equal(t, map[string]any{
		"tenant": "contoso", "azure.tenant.id": contoso.TenantID, "source": "endpoint_alerts", "reason": "not_consented",
	}, entries[1].ContextMap())
}

func TestAFailureWithoutAReasonIsAFailure(t *testing.T) {
	w := watch(contoso)
	w.Failed(t.Context(), contoso, Failure{Cause: "x"})
	assert.Equal(t, []string{"warn contoso unknown"}, w.lines())
	assert.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError}, w.statuses())
}

func TestTheStatusChangesWithTheFirstAndTheLastFailure(t *testing.T) {
	ctx, w := t.Context(), watch(contoso, contoso2, fabrikam)
	w.Worked(ctx, contoso, now)
	assert.Empty(t, w.events, "the collector itself says that a component works")

	w.Failed(ctx, contoso, refused)
	w.Failed(ctx, contoso, down)
	w.Failed(ctx, fabrikam, refused)
	w.Failed(ctx, contoso2, refused)
	require.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError}, w.statuses())
	require.EqualError(t, w.events[0].Err(), "1 of 3 fail, the first is tenant contoso, source endpoint_alerts: not_consented")

	w.Worked(ctx, contoso, now)
	w.Worked(ctx, contoso2, now)
	assert.Len(t, w.events, 1, "one still fails")
	w.Worked(ctx, fabrikam, now)
	w.Worked(ctx, fabrikam, now)
	assert.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError, componentstatus.StatusOK}, w.statuses())

	w.Failed(ctx, fabrikam, down)
	assert.Len(t, w.events, 3)
	require.ErrorContains(t, w.events[2].Err(), "fabrikam")
}

func TestRemoveOfTheLastThatFailsClearsTheStatus(t *testing.T) {
	ctx, w := t.Context(), watch(contoso, fabrikam)
	w.Failed(ctx, contoso, refused)
	w.Failed(ctx, fabrikam, refused)
	w.Remove(contoso)
	assert.Len(t, w.events, 1)
	w.Remove(fabrikam)
	w.Remove(fabrikam)
	assert.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError, componentstatus.StatusOK}, w.statuses())

	w.Add(contoso)
	w.Worked(ctx, contoso, now)
	w.Remove(contoso)
	assert.Len(t, w.events, 2, "one that worked changes nothing")
}

func TestARemovedSubjectStaysSilent(t *testing.T) {
	ctx, w := t.Context(), watch(contoso)
	w.Remove(contoso)
	w.Failed(ctx, contoso, refused) // a poll that ended late
	w.Worked(ctx, contoso, now)
	w.Progress(contoso, now)
	w.Failed(ctx, fabrikam, refused)
	assert.Empty(t, w.lines())
	assert.Empty(t, w.events)
}

func TestASubjectThatIsAddedAgainKeepsHowItIs(t *testing.T) {
	ctx, w := t.Context(), watch(contoso)
	w.Failed(ctx, contoso, refused)
	w.lines()
	renamed := contoso
	renamed.Tenant = "contoso GmbH"
	w.Add(renamed)
	w.Failed(ctx, renamed, refused)
	assert.Empty(t, w.lines(), "a new name is not a new failure")
	w.Worked(ctx, renamed, now)
	assert.Equal(t, []string{"info contoso GmbH not_consented"}, w.lines())
	assert.Len(t, w.events, 2)
}

func TestConcurrentUseCountsRight(t *testing.T) {
	w := watch()
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			s := Subject{strconv.Itoa(i), "t" + strconv.Itoa(i), "graph_alerts"}
			ctx := context.Background()
			for range 200 {
				w.Add(s)
				w.Failed(ctx, s, refused)
				w.Failed(ctx, s, down)
				w.Progress(s, now)
				w.Worked(ctx, s, now)
				w.Failed(ctx, s, down)
				w.Remove(s)
			}
		})
	}
	all.Wait()
	assert.Zero(t, w.failing)
	for i, status := range w.statuses() { // strictly in turns
		want := componentstatus.StatusRecoverableError
		if i%2 == 1 {
			want = componentstatus.StatusOK
		}
		require.Equal(t, want, status)
	}
	assert.Zero(t, len(w.events)%2)
}
