package poll

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
)

func TestAPipelineThatDoesNotAnswerIsNamed(t *testing.T) {
	for name, tt := range map[string]struct {
		wait time.Duration
		said int
	}{
		"a while":     {wait: blockedAfter - time.Second},
		"too long":    {wait: blockedAfter + time.Second, said: 1},
		"for an hour": {wait: time.Hour, said: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := thirty(t)
				var said []error
				r.poller.subject.Blocked = func(err error) { said = append(said, err) }
				consume, waited := r.poller.services.Consume, false
				r.poller.services.Consume = func(ctx context.Context, logs plog.Logs) error {
					if !waited {
						waited = true
						time.Sleep(tt.wait)
					}
					return consume(ctx, logs)
				}
				require.Zero(t, r.finish(t))
				require.Len(t, said, tt.said)
				for _, err := range said {
					assert.Equal(t, "pipeline_blocked", Explain(err).Reason)
					assert.Contains(t, err.Error(), "5m0s")
				}
			})
		})
	}
}

// What holds the memory is the pipeline too: it has records of other tenants.
func TestAWaitForMemoryIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := thirty(t)
		said := 0
		r.poller.subject.Blocked = func(error) { said++ }
		require.NoError(t, r.poller.services.Memory.Acquire(t.Context(), maxMemory))
		go func() {
			time.Sleep(2 * blockedAfter)
			r.poller.services.Memory.Release(maxMemory)
		}()
		require.Zero(t, r.finish(t))
		assert.Equal(t, 1, said)
	})
}
