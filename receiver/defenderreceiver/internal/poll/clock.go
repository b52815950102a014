package poll

import (
	"sync"
	"time"

	"go.uber.org/zap"
)

const (
	// clockTolerance is how far the local clock may be off before the server's counts: its header has whole seconds,
	// and an answer takes its time.
	clockTolerance = 3 * time.Second
	// clockAlarm is how far it may be off before that is worth a line in the log.
	clockAlarm = time.Minute
)

// clock knows how far the server's clock is from the local one. Update times are the server's: with a local clock that
// is behind, new alerts would wait for it.
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

// latest is the later one of the two clocks, which is where an interval ends: asking for too much costs nothing.
func (c *clock) latest(now time.Time) time.Time { return now.Add(max(0, c.offset)) }

// ClockWarning tells once that the machine's clock is wrong.
type ClockWarning struct{ once sync.Once }

func (w *ClockWarning) say(log *zap.Logger, offset time.Duration) {
	if offset.Abs() <= clockAlarm {
		return
	}
	w.once.Do(func() {
		log.Warn("The clock of this machine differs from the API's. No alert is lost by that, but times in the log and the metrics are off. The provider sets the clock.",
			zap.Duration("offset", offset))
	})
}
