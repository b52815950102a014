package poll

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
)

// TestATurnThatIsEndedAnywhereLosesNothing: a shutdown or an edit of the tenant comes between any two steps of a poll.
// What it cut off lies further back than the overlap, so that no later poll would read it again by chance.
func TestATurnThatIsEndedAnywhereLosesNothing(t *testing.T) {
	for steps := range 40 {
		t.Run(fmt.Sprint(steps, " steps"), func(t *testing.T) {
			r := &rig{world: newWorld(), disk: disk{values: map[string][]byte{}}, refused: map[version]bool{}, page: 20, batch: 3}
			require.NoError(t, r.boot())
			for i := range 8 {
				r.world.put(fmt.Sprintf("da%d", i), odata.FromTime(r.world.now), 0)
				r.world.now = r.world.now.Add(time.Second)
			}
			r.world.now = r.world.now.Add(2 * overlap)
			ctx, cancel := context.WithCancel(context.Background())
			r.cancel, r.cancelAfter = cancel, steps
			_ = r.poller.Turn(ctx)
			r.cancel = nil
			cancel()
			require.NoError(t, r.reboot())
			defer func() { r.end() }()
			r.finish(t)
			require.Len(t, r.sink, 8)
		})
	}
}
