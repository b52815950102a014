package token

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
)

// Fetch asks Entra for a token of one tenant.
type Fetch func(ctx context.Context, scope string) (*Token, *entraauth.Error)

// Advise says who must do what about a token without a needed role.
type Advise func(scope string) string

// Tokens are the tokens of one tenant. Drop the whole when the tenant changes: an acquisition under way then ends in
// nothing.
type Tokens struct {
	keeper *Keeper
	fetch  Fetch
	advise Advise
	logger *zap.Logger

	tenant, authority string // for messages

	mu      sync.Mutex
	byScope atomic.Pointer[map[string]*entry] // replaced, never changed
}

// Get returns a token for the scope that holds one of the roles. A good token costs a lock-free look. The error is an
// *entraauth.Error.
func (t *Tokens) Get(ctx context.Context, scope string, roles []string) (*Token, error) {
	e := t.entry(scope)
	now := t.keeper.opts.Now()
	if s := e.state.Load(); s != nil && now.Before(s.refreshAt) && s.token.Permits(roles) {
		return s.token, nil
	}
	token, flight, err := e.decide(now, roles)
	if flight == nil {
		return token, err
	}
	select {
	case <-flight.done:
		return e.land(flight, roles)
	case <-ctx.Done():
		return nil, t.unready(context.Cause(ctx))
	}
}

// Of says for messages what the tenant is called and which authority gives its tokens, a scheme and host. Call it before
// the tokens are used.
func (t *Tokens) Of(tenant, authority string) *Tokens {
	t.tenant, t.authority = tenant, authority
	return t
}

// label names the tenant. Log lines need it in their text, because the collector's sampling drops lines of equal text.
func (t *Tokens) label() string {
	if t.tenant == "" {
		return "the tenant"
	}
	return "tenant " + t.tenant
}

// unready is for the faults of waiting, about which Entra said nothing.
func (t *Tokens) unready(err error) *entraauth.Error {
	place := "the authority"
	if u, parseErr := url.Parse(t.authority); parseErr == nil && u.Host != "" {
		place = u.Host
	}
	return &entraauth.Error{
		Reason: entraauth.ReasonTransient, Advice: Advice(entraauth.ReasonTransient, Subject{Authority: place}),
		Err: fmt.Errorf("waiting for a token of %s: %w", place, err),
	}
}

// Drop forgets a token that an API answered with 401. A token that replaced such a one is given a recheck interval, the
// next ones up to 15, so that an API which refuses every token does not cause a token request each time.
func (t *Tokens) Drop(scope string, token *Token) { t.entry(scope).drop(token) }

// Shorten renews a token that an API answered with 403 after a recheck interval, because a permission granted meanwhile
// shows only in a fresh one; after up to 15 where the tokens before were refused as well. Others use the token meanwhile.
func (t *Tokens) Shorten(scope string, token *Token) { t.entry(scope).shorten(token) }

// entry finds the entry of a scope. Scopes are few, since they come from the configuration.
func (t *Tokens) entry(scope string) *entry {
	if known := t.byScope.Load(); known != nil {
		if e, ok := (*known)[scope]; ok {
			return e
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	next := map[string]*entry{}
	if known := t.byScope.Load(); known != nil {
		if e, ok := (*known)[scope]; ok {
			return e
		}
		next = maps.Clone(*known)
	}
	e := &entry{tokens: t, scope: scope}
	next[scope] = e
	t.byScope.Store(&next)
	return e
}
