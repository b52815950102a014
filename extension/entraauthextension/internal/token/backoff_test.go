package token

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
)

func waits(reason entraauth.Reason, n int) []time.Duration {
	var b backoff
	now, got := noon, []time.Duration{}
	for range n {
		wait := b.next(now, &entraauth.Error{Reason: reason}, time.Minute)
		now, got = now.Add(wait), append(got, wait)
	}
	return got
}

func TestConsentIsAskedForOftenInTheFirstHour(t *testing.T) {
	for _, reason := range []entraauth.Reason{entraauth.ReasonNotConsented, entraauth.ReasonNoRole} {
		got := waits(reason, 67)
		for _, wait := range got[:60] {
			assert.Equal(t, time.Minute, wait)
		}
		assert.Equal(t, []time.Duration{1, 2, 4, 8, 15, 15, 15}, minutes(got[60:]))
	}
}

func TestOtherRefusalsGrow(t *testing.T) {
	for _, reason := range []entraauth.Reason{
		entraauth.ReasonCredential, entraauth.ReasonUnknownTenant, entraauth.ReasonConfiguration, entraauth.ReasonThrottled,
	} {
		assert.Equal(t, []time.Duration{1, 2, 4, 8, 15, 15}, minutes(waits(reason, 6)), reason)
	}
}

func minutes(waits []time.Duration) []time.Duration {
	got := make([]time.Duration, len(waits))
	for i, wait := range waits {
		got[i] = wait / time.Minute
	}
	return got
}

func TestTransientFaultsAreAskedAgainSoonWithJitter(t *testing.T) {
	want := time.Second
	for _, wait := range waits(entraauth.ReasonTransient, 12) {
		assert.GreaterOrEqual(t, wait, want/2)
		assert.LessOrEqual(t, wait, want)
		want = min(2*want, time.Minute)
	}
}

func TestRetryAtOfTheServerCounts(t *testing.T) {
	var b backoff
	at := func(reason entraauth.Reason, wait time.Duration) time.Duration {
		return b.next(noon, &entraauth.Error{Reason: reason, RetryAt: noon.Add(wait)}, time.Minute)
	}
	assert.Equal(t, 7*time.Second, at(entraauth.ReasonThrottled, 7*time.Second))
	assert.Equal(t, 7*time.Second, at(entraauth.ReasonThrottled, 7*time.Second))
	assert.Equal(t, time.Hour, at(entraauth.ReasonTransient, time.Hour))
}

func TestAnotherReasonBeginsAnew(t *testing.T) {
	var b backoff
	next := func(reason entraauth.Reason) time.Duration {
		return b.next(noon, &entraauth.Error{Reason: reason}, time.Minute)
	}
	next(entraauth.ReasonCredential)
	assert.Equal(t, 2*time.Minute, next(entraauth.ReasonCredential))
	assert.Equal(t, time.Minute, next(entraauth.ReasonUnknownTenant))
}
