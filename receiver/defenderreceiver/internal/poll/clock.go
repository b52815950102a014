package poll

import (
	"math"
	"time"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
)

// clockTolerance is how far the local clock may be off before the server's counts: its header has whole seconds, and
// an answer takes its time.
const clockTolerance = 3 * time.Second

// clock knows how far the server's clock is from the local one. Update times are the server's: with a local clock that
// is behind, new alerts would wait for it; with one that is ahead, the cursor would pass alerts that are still made.
type clock struct{ offset time.Duration }

// compare learns from an answer: asked is the local time of the request, server the time in the answer, zero for none.
func (c *clock) compare(asked, server time.Time) {
	if server.IsZero() {
		return
	}
	c.offset = server.Sub(asked)
	if c.offset.Abs() <= clockTolerance {
		c.offset = 0
	}
}

// server is the server's time at the local time now, as far as it is known.
func (c *clock) server(now time.Time) time.Time { return now.Add(c.offset) }

// latest is the end of what an answer can be complete up to: later alerts are still to be made.
func (c *clock) latest(server time.Time) odata.Instant {
	if server.IsZero() {
		return math.MaxInt64
	}
	return odata.FromTime(server.Add(clockTolerance))
}
