package token

import (
	"maps"
	"time"
)

// spoils counts the tokens that an API refused one after the other, so that an API which refuses every token causes
// fewer and fewer token requests. It begins anew with a token of other roles, and with one that stood for a while.
type spoils struct {
	tokens int
	roles  map[string]bool
}

// observe looks at a new token: other roles may be what the API missed.
func (c *spoils) observe(token *Token) {
	roles := map[string]bool{}
	for _, role := range token.claims.roles {
		roles[role] = true
	}
	if !maps.Equal(c.roles, roles) {
		c.tokens, c.roles = 0, roles
	}
}

// pause is how long a token stays after so many were refused in a row.
func pause(before int, recheck time.Duration) time.Duration {
	b := backoff{repeats: before}
	return b.doubled(recheck, maxRefused*recheck)
}

// spoil returns the state marked as refused by an API, and counts each token once. The API of one source may refuse a
// token that another one takes, so that a success elsewhere proves nothing; time without a refusal does.
func (e *entry) spoil(s *state, now time.Time) *state {
	if s.spoiled {
		return s
	}
	if stood := min(maxRefused*e.recheck(), s.expires.Sub(s.acquired)/2); now.Sub(s.acquired) >= stood {
		e.spoils.tokens = 0
	}
	marked := *s
	marked.spoiled, marked.before = true, e.spoils.tokens
	e.spoils.tokens++
	return &marked
}

// drop forgets a token that an API answered with 401: the first one at once, those in its place after growing pauses.
func (e *entry) drop(token *Token) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s, now := e.state.Load(), e.now()
	if s == nil || s.token != token {
		return
	}
	s = e.spoil(s, now)
	if n := s.before; n > 0 && now.Before(s.acquired.Add(pause(n-1, e.recheck()))) {
		e.state.Store(s)
		return
	}
	e.state.Store(nil)
}

// shorten renews a token that an API answered with 403 behind the callers: it is good for others to its end.
func (e *entry) shorten(token *Token) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s, now := e.state.Load(), e.now()
	if s == nil || s.token != token {
		return
	}
	shorter := *e.spoil(s, now)
	shorter.refreshAt = earlier(s.refreshAt, now.Add(pause(shorter.before, e.recheck())))
	e.state.Store(&shorter)
}
