package schedule

import (
	"time"

	"github.com/cespare/xxhash/v2"
)

// Phase is where in the interval a key's polls lie: the same on every start, and spread evenly over many keys.
func Phase(key string, interval time.Duration) time.Duration {
	return time.Duration(xxhash.Sum64String(key) % uint64(interval)) //nolint:gosec // interval is positive
}

// After is the first time after now at which a key with that phase is due.
func After(now time.Time, phase, interval time.Duration) time.Time {
	into := time.Duration(now.UnixNano()) % interval
	wait := phase - into
	if wait <= 0 {
		wait += interval
	}
	return now.Add(wait)
}

// Backoff is how long to wait after the failures-th failure in a row: it doubles from first, and never exceeds limit.
func Backoff(failures int, first, limit time.Duration) time.Duration {
	wait := min(first, limit)
	for i := 1; i < failures && wait < limit; i++ {
		if wait > limit/2 { // twice as long might overflow
			return limit
		}
		wait *= 2
	}
	return wait
}
