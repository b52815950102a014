package token

import (
	"math/rand/v2"
	"time"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
)

const (
	firstTransient = time.Second
	maxRefused     = 15 // recheck intervals
	onboarding     = time.Hour
)

// backoff says when a refusal is asked again. It begins anew when the reason changes.
type backoff struct {
	reason  entraauth.Reason
	first   time.Time
	repeats int
}

// next returns the wait after one more refusal. A customer who is just consenting is asked at every recheck interval
// for an hour; every other refusal is asked less and less often, a passing fault soon.
func (b *backoff) next(now time.Time, refused *entraauth.Error, recheck time.Duration) time.Duration {
	if b.reason != refused.Reason {
		*b = backoff{reason: refused.Reason, first: now}
	}
	switch refused.Reason {
	case entraauth.ReasonTransient:
		wait := b.doubled(firstTransient, max(recheck, firstTransient))
		wait = wait/2 + rand.N(wait/2+1) //nolint:gosec // spreads load, guards nothing
		return max(wait, refused.RetryAt.Sub(now))
	case entraauth.ReasonThrottled:
		if wait := refused.RetryAt.Sub(now); wait > 0 {
			return wait
		}
	case entraauth.ReasonSignIn:
		return recheck // which asks the storage for a new sign-in, and Entra far less often: see Delegated
	case entraauth.ReasonNotConsented, entraauth.ReasonNoRole:
		if now.Sub(b.first) < onboarding {
			return recheck
		}
	}
	return b.doubled(recheck, maxRefused*recheck)
}

func (b *backoff) doubled(from, limit time.Duration) time.Duration {
	wait := from
	for range b.repeats {
		if wait *= 2; wait >= limit {
			return limit
		}
	}
	b.repeats++
	return min(wait, limit)
}
