package poll

import (
	"errors"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/api"
)

// maxNarrowing halves the largest page down to one record.
const maxNarrowing = 14

// narrowing makes pages smaller while they fail in a way that a smaller page may mend, and larger again step by step.
type narrowing struct {
	steps  int
	failed api.Kind // the kind of the last failure, empty after a success
}

func (n *narrowing) of(pageSize int) int { return max(1, pageSize>>n.steps) }

func (n *narrowing) note(err error) {
	var answer *api.Error
	switch {
	case err == nil:
		n.steps, n.failed = max(0, n.steps-1), ""
	case !errors.As(err, &answer):
	case !smallerMayHelp(answer):
		n.failed = answer.Kind
	default:
		if answer.Kind == n.failed || answer.Kind == api.KindTooLarge {
			n.steps = min(maxNarrowing, n.steps+2)
		}
		n.failed = answer.Kind
	}
}

func smallerMayHelp(e *api.Error) bool {
	switch e.Kind {
	case api.KindServer, api.KindTimeout, api.KindTooLarge:
		return true
	case api.KindNotAPage, api.KindNetwork:
		return e.Status != 0 // an answer that broke off, not one that never came
	default:
		return false
	}
}
