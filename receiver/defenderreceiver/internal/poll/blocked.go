package poll

import (
	"fmt"
	"time"
)

// blockedAfter is how long the pipeline, or memory that it holds for others, may keep a tenant waiting in silence. An
// exporter that retries within the call may do so for ever.
const blockedAfter = 5 * time.Minute

// BlockedError says that the pipeline takes records, but does not come back.
type BlockedError struct{ For time.Duration }

func (e *BlockedError) Error() string {
	return fmt.Sprintf("delivering: no answer for %s", e.For)
}

// patiently does what may wait for the pipeline, and has it said if that takes long.
func (p *Poller) patiently(wait func() error) error {
	if p.subject.Blocked == nil {
		return wait()
	}
	said := make(chan struct{})
	timer := time.AfterFunc(blockedAfter, func() {
		defer close(said)
		p.subject.Blocked(&BlockedError{For: blockedAfter})
	})
	defer func() {
		if !timer.Stop() {
			<-said // whoever polls next must not be overtaken by it
		}
	}()
	return wait()
}
