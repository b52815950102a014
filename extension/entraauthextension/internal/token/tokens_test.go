package token

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
)

// source plays Entra for one tenant, in a synctest bubble.
type source struct {
	calls atomic.Int32
	delay time.Duration
	life  time.Duration
	roles string

	mu      sync.Mutex
	refusal *entraauth.Error
}

func (s *source) refuse(reason entraauth.Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusal = nil
	if reason != "" {
		s.refusal = &entraauth.Error{Reason: reason}
	}
}

func (s *source) fetch(ctx context.Context, _ string) (*Token, *entraauth.Error) {
	n := s.calls.Add(1)
	select {
	case <-time.After(s.delay):
	case <-ctx.Done():
		return nil, &entraauth.Error{Reason: entraauth.ReasonTransient, Err: ctx.Err()}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refusal != nil {
		return nil, s.refusal
	}
	return newToken(jwtOf(fmt.Sprintf(`{"n":%d,"roles":[%q]}`, n, s.roles)), time.Now().Add(s.life)), nil
}

type bubble struct {
	*source
	tokens *Tokens
	keeper *Keeper
	logs   *observer.ObservedLogs
}

// inBubble runs a test with a clock of its own and an empty store.
func inBubble(t *testing.T, test func(t *testing.T, b *bubble)) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.DebugLevel)
		b := &bubble{source: &source{life: time.Hour, roles: "a"}, logs: logs}
		b.keeper = NewKeeper(Options{Now: time.Now, Recheck: time.Minute, Timeout: 10 * time.Second})
		b.tokens = b.keeper.Tenant(b.fetch, func(string) string { return "advice" }, zap.New(core)).
			Of("contoso", "https://login.example")
		defer b.keeper.Close()
		test(t, b)
	})
}

func (b *bubble) get(t *testing.T) *Token {
	t.Helper()
	token, err := b.tokens.Get(t.Context(), "scope", nil)
	require.NoError(t, err)
	return token
}

func (b *bubble) requireReason(t *testing.T, want entraauth.Reason, roles ...string) {
	t.Helper()
	_ = b.refusal(t, want, roles...)
}

// refusal returns the error of the next request, which must be for that reason.
func (b *bubble) refusal(t *testing.T, want entraauth.Reason, roles ...string) *entraauth.Error {
	t.Helper()
	_, err := b.tokens.Get(t.Context(), "scope", roles)
	var refused *entraauth.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, want, refused.Reason)
	return refused
}

func TestHundredCallersAskOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		b.delay = time.Second
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				_, err := b.tokens.Get(t.Context(), "scope", nil)
				assert.NoError(t, err)
			})
		}
		wg.Wait()
		assert.EqualValues(t, 1, b.calls.Load())
		_, err := b.tokens.Get(t.Context(), "other", nil)
		require.NoError(t, err)
		assert.EqualValues(t, 2, b.calls.Load(), "each scope has its own token")
	})
}

func TestCallersCancellationIsTheirOwn(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		b.delay = 5 * time.Second
		hasty, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := b.tokens.Get(hasty, "scope", nil)
			assert.ErrorContains(t, err, "waiting for a token of login.example: "+context.DeadlineExceeded.Error()+": nobody needs to act")
		})
		synctest.Wait()
		began := time.Now()
		b.get(t)
		assert.Equal(t, 5*time.Second, time.Since(began))
		wg.Wait()
		assert.EqualValues(t, 1, b.calls.Load())
	})
}

func TestAcquisitionHasATimeoutOfItsOwn(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		b.delay = time.Hour
		began := time.Now()
		refused := b.refusal(t, entraauth.ReasonTransient)
		require.ErrorIs(t, refused, context.DeadlineExceeded)
		assert.Equal(t, 10*time.Second, time.Since(began))
	})
}

func TestRenewalHappensBehindTheCallers(t *testing.T) {
	for life, lead := range map[time.Duration]time.Duration{
		time.Hour: 5 * time.Minute, 10 * time.Minute: 2 * time.Minute, 10 * time.Second: 2 * time.Second,
	} {
		inBubble(t, func(t *testing.T, b *bubble) {
			b.life = life
			old := b.get(t)
			time.Sleep(life - lead - time.Millisecond)
			require.Same(t, old, b.get(t))
			synctest.Wait()
			require.EqualValues(t, 1, b.calls.Load(), "not before its time")

			time.Sleep(time.Millisecond)
			b.delay = min(lead/2, 5*time.Second)
			for range 10 {
				require.Same(t, old, b.get(t), "nobody waits")
			}
			time.Sleep(lead)
			synctest.Wait()
			assert.NotSame(t, old, b.get(t))
			assert.EqualValues(t, 2, b.calls.Load())
		})
	}
}

func TestFailedRenewalIsRepeatedAndTheTokenUsedToItsEnd(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		old := b.get(t)
		b.refuse(entraauth.ReasonTransient)
		time.Sleep(55 * time.Minute)
		for range 299 {
			require.Same(t, old, b.get(t))
			time.Sleep(time.Second)
			synctest.Wait()
		}
		assert.Less(t, b.calls.Load(), int32(30), "with growing pauses")
		assert.Greater(t, b.calls.Load(), int32(5))
		assert.Equal(t, 1, b.logs.FilterMessage("The token of tenant contoso cannot be renewed; it is used to its end").Len())
		time.Sleep(time.Second)
		b.refuse("")
		assert.NotSame(t, old, b.get(t), "its end allows one more try at once")
		assert.Equal(t, 1, b.logs.FilterMessage("The token of tenant contoso was renewed").Len())
		assert.Equal(t, 2, b.logs.Len())
	})
}

func TestRefusalIsRememberedAndLeftToTheCallerToReport(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		b.refuse(entraauth.ReasonNotConsented)
		began := time.Now()
		for range 59 {
			assert.Equal(t, began.Add(time.Minute), b.refusal(t, entraauth.ReasonNotConsented).RetryAt)
			time.Sleep(time.Second)
		}
		assert.EqualValues(t, 1, b.calls.Load())
		time.Sleep(time.Second)
		b.requireReason(t, entraauth.ReasonNotConsented)
		assert.EqualValues(t, 2, b.calls.Load())

		b.refuse(entraauth.ReasonDisabled)
		time.Sleep(time.Minute)
		b.requireReason(t, entraauth.ReasonDisabled)

		b.refuse("")
		time.Sleep(time.Minute)
		b.get(t)
		assert.Zero(t, b.logs.Len(), "the error is the caller's to report, once")
	})
}

func TestTokenThatAnAPIRefusedIsReplacedOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		one := b.get(t)
		b.tokens.Drop("scope", one)
		two := b.get(t)
		require.NotSame(t, one, two)
		b.tokens.Drop("scope", one)
		require.Same(t, two, b.get(t), "a late 401 for the old one means nothing")
		b.tokens.Drop("scope", two)
		require.Same(t, two, b.get(t), "it came in place of a refused one")
		time.Sleep(time.Minute)
		b.tokens.Drop("scope", two)
		require.NotSame(t, two, b.get(t))
		assert.EqualValues(t, 3, b.calls.Load())
	})
}

func TestForbiddenShortensTheToken(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		one := b.get(t)
		b.tokens.Shorten("scope", one)
		time.Sleep(30 * time.Second)
		b.tokens.Shorten("scope", one)
		require.Same(t, one, b.get(t))
		time.Sleep(30 * time.Second)
		require.Same(t, one, b.get(t), "nobody waits")
		synctest.Wait()
		two := b.get(t)
		require.NotSame(t, one, two, "the second 403 did not lengthen it")
		b.tokens.Shorten("scope", one)
		time.Sleep(2 * time.Minute)
		b.get(t)
		synctest.Wait()
		assert.Same(t, two, b.get(t), "a late 403 for the old one means nothing")
	})
}

func TestForbiddenTokenIsGoodForOthersToItsEnd(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		one := b.get(t)
		b.tokens.Shorten("scope", one)
		b.refuse(entraauth.ReasonTransient)
		for range 59 {
			time.Sleep(time.Minute)
			require.Same(t, one, b.get(t), "Entra is down, and the token is not")
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		b.requireReason(t, entraauth.ReasonTransient)
	})
}

func TestAPIThatRefusesEveryTokenIsGivenFewerAndFewer(t *testing.T) {
	for name, conclude := range map[string]func(b *bubble, token *Token){
		"401":  func(b *bubble, token *Token) { b.tokens.Drop("scope", token) },
		"403":  func(b *bubble, token *Token) { b.tokens.Shorten("scope", token) },
		"both": func(b *bubble, token *Token) { b.tokens.Shorten("scope", token); b.tokens.Drop("scope", token) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bubble) {
				for range 24 * 60 {
					conclude(b, b.get(t))
					synctest.Wait()
					time.Sleep(time.Minute)
				}
				assert.LessOrEqual(t, b.calls.Load(), int32(4*24+10), "one in 15 recheck intervals")
				assert.Greater(t, b.calls.Load(), int32(4*24-10))
			})
		})
	}
}

// spoil has an API refuse every token for three hours, and returns one that has just come.
func (b *bubble) spoil(t *testing.T) *Token {
	t.Helper()
	for range 180 {
		b.tokens.Drop("scope", b.get(t))
		time.Sleep(time.Minute)
	}
	old := b.get(t)
	for range maxRefused + 1 {
		b.tokens.Drop("scope", old)
		if fresh := b.get(t); fresh != old {
			return fresh
		}
		time.Sleep(time.Minute)
	}
	require.Fail(t, "no fresh token in time")
	return nil
}

func TestRefusedTokensAreForgottenWhenOneStandsForAWhile(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		token := b.spoil(t)
		time.Sleep(15 * time.Minute)
		b.tokens.Drop("scope", token)
		next := b.get(t)
		require.NotSame(t, token, next)
		b.tokens.Drop("scope", next)
		time.Sleep(time.Minute)
		b.tokens.Drop("scope", next)
		assert.NotSame(t, next, b.get(t), "the pauses begin anew")
	})
}

func TestRefusedTokensAreForgottenWhenTheRolesChange(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		token := b.spoil(t)
		b.tokens.Drop("scope", token)
		require.Same(t, token, b.get(t))
		b.roles = "b"
		time.Sleep(15 * time.Minute)
		b.tokens.Drop("scope", token)
		granted := b.get(t)
		b.tokens.Drop("scope", granted)
		assert.NotSame(t, granted, b.get(t), "at once, as if it were the first")
	})
}

func TestWaitThatEntraAsksForOutlastsTheToken(t *testing.T) {
	for name, refusal := range map[string]*entraauth.Error{
		"throttled": {Reason: entraauth.ReasonThrottled}, "transient": {Reason: entraauth.ReasonTransient},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bubble) {
				one := b.get(t)
				time.Sleep(55 * time.Minute)
				refusal.RetryAt = time.Now().Add(30 * time.Minute)
				b.source.refusal = refusal
				require.Same(t, one, b.get(t))
				synctest.Wait()
				require.EqualValues(t, 2, b.calls.Load())
				b.tokens.Shorten("scope", one)
				time.Sleep(2 * time.Minute)
				require.Same(t, one, b.get(t), "used to its end")
				time.Sleep(3 * time.Minute)
				assert.Equal(t, refusal.RetryAt, b.refusal(t, refusal.Reason).RetryAt)
				time.Sleep(25*time.Minute - time.Second)
				b.requireReason(t, refusal.Reason)
				synctest.Wait()
				assert.EqualValues(t, 2, b.calls.Load())
				b.refuse("")
				time.Sleep(time.Second)
				assert.NotSame(t, one, b.get(t))
			})
		})
	}
}

func TestMissingRoleIsAskedForWithAFreshToken(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		for range 3 {
			refused := b.refusal(t, entraauth.ReasonNoRole, "b", "c")
			assert.Equal(t, "advice", refused.Advice)
			assert.Contains(t, refused.Error(), "b, c")
		}
		assert.EqualValues(t, 1, b.calls.Load())
		_, err := b.tokens.Get(t.Context(), "scope", []string{"a"})
		require.NoError(t, err, "who needs another role is served")

		time.Sleep(time.Minute)
		b.requireReason(t, entraauth.ReasonNoRole, "b", "c")
		assert.EqualValues(t, 2, b.calls.Load())

		time.Sleep(time.Minute)
		b.roles = "c"
		_, err = b.tokens.Get(t.Context(), "scope", []string{"b", "c"})
		require.NoError(t, err)
		assert.EqualValues(t, 3, b.calls.Load())
		assert.Zero(t, b.logs.Len())
	})
}

func TestTokenThatHasEndedIsNoToken(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		b.life = 0
		refused := b.refusal(t, entraauth.ReasonTransient)
		assert.Contains(t, refused.Error(), "login.example")
		assert.NotEmpty(t, refused.Advice)
		assert.EqualValues(t, 1, b.calls.Load())
	})
}

func TestCloseEndsWhatIsUnderWay(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		b.delay = time.Hour
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := b.tokens.Get(t.Context(), "scope", nil)
			assert.ErrorIs(t, err, context.Canceled)
		})
		synctest.Wait()
		began := time.Now()
		b.keeper.Close()
		b.keeper.Close()
		wg.Wait()
		assert.Zero(t, time.Since(began))
		assert.Zero(t, b.logs.Len(), "an end is not a fault")
		time.Sleep(time.Minute)
		refused := b.refusal(t, entraauth.ReasonTransient)
		assert.Contains(t, refused.Error(), "login.example: the extension has been shut down")
		assert.NotEmpty(t, refused.Advice)
		assert.EqualValues(t, 1, b.calls.Load())
	})
}

// TestConsentTakesEffectWithinAMinute polls as a receiver does, at the default interval.
func TestConsentTakesEffectWithinAMinute(t *testing.T) {
	for _, reason := range []entraauth.Reason{entraauth.ReasonNotConsented, entraauth.ReasonNoRole, entraauth.ReasonSignIn} {
		for _, after := range []time.Duration{0, time.Second, 17 * time.Minute, 59*time.Minute + 30*time.Second} {
			inBubble(t, func(t *testing.T, b *bubble) {
				b.refuse(reason)
				b.requireReason(t, reason)
				began := time.Now()
				for time.Since(began) < after {
					b.requireReason(t, reason)
					time.Sleep(time.Second)
				}
				b.refuse("")
				consented := time.Now()
				require.Eventually(t, func() bool {
					_, err := b.tokens.Get(t.Context(), "scope", nil)
					return err == nil
				}, 2*time.Minute, time.Second)
				assert.LessOrEqual(t, time.Since(consented), time.Minute+time.Second, "%s after %s", reason, after)
				assert.LessOrEqual(t, int(b.calls.Load()), 3+int(after/time.Minute), "without asking more often than that")
			})
		}
	}
}
