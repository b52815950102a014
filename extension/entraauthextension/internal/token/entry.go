package token

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
)

// maxLead is how long before its end a token is renewed at most; a short-lived one has a fifth of its life.
const maxLead = 5 * time.Minute

// entry is a tenant's token for one scope.
type entry struct {
	tokens *Tokens
	scope  string
	state  atomic.Pointer[state] // nil without a token

	mu      sync.Mutex
	flight  *flight
	refused *entraauth.Error // of the last acquisition, with when the next one may be
	waits   backoff
	lacks   map[string]*lack
	spoils  spoils
	warned  bool // that the token in use cannot be renewed
}

// state is a token and its times; replaced, never changed.
type state struct {
	token     *Token
	acquired  time.Time
	refreshAt time.Time
	expires   time.Time
	spoiled   bool // an API refused it
	before    int  // how many in a row were refused before it, where it is spoiled
}

// flight is an acquisition under way.
type flight struct {
	done  chan struct{}
	token *Token
	err   error
}

// lack is a set of roles of which the token holds none.
type lack struct {
	roles []string
	token *Token
	err   *entraauth.Error
	waits backoff
}

func (e *entry) now() time.Time         { return e.tokens.keeper.opts.Now() }
func (e *entry) recheck() time.Duration { return e.tokens.keeper.opts.Recheck }

// decide returns a token, an acquisition to wait for, or an error. A token near its end is renewed behind the callers.
func (e *entry) decide(now time.Time, roles []string) (*Token, *flight, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.state.Load()
	if s == nil || !now.Before(s.expires) {
		if e.waiting(now) {
			return nil, nil, e.refused
		}
		return e.launch()
	}
	if !now.Before(s.refreshAt) && !e.waiting(now) {
		_, _, _ = e.launch()
	}
	if s.token.Permits(roles) {
		return s.token, nil, nil
	}
	l := e.lacking(now, s.token, roles)
	if now.Before(l.err.RetryAt) || e.waiting(now) {
		return nil, nil, l.err
	}
	return e.launch()
}

func (e *entry) waiting(now time.Time) bool { return e.refused != nil && now.Before(e.refused.RetryAt) }

// launch begins an acquisition, unless one is under way.
func (e *entry) launch() (*Token, *flight, error) {
	if e.flight != nil {
		return nil, e.flight, nil
	}
	f := &flight{done: make(chan struct{})}
	running := e.tokens.keeper.run(func(ctx context.Context) {
		token, err := e.tokens.fetch(ctx, e.scope)
		e.finish(f, token, err)
	})
	if !running {
		return nil, nil, e.tokens.unready(errClosed)
	}
	e.flight = f
	return nil, f, nil
}

func (e *entry) finish(f *flight, token *Token, refused *entraauth.Error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.now()
	if refused == nil && !now.Before(token.Expires) {
		refused = e.tokens.unready(errEnded)
	}
	if refused != nil {
		f.err = e.refuse(now, *refused)
	} else {
		e.store(now, token)
		f.token = token
	}
	e.flight = nil
	close(f.done)
}

var errEnded = errors.New("the authority's token has already ended")

func (e *entry) store(now time.Time, token *Token) {
	lead := min(maxLead, token.Expires.Sub(now)/5)
	e.state.Store(&state{
		token: token, acquired: now, refreshAt: token.Expires.Add(-lead), expires: token.Expires,
	})
	e.spoils.observe(token)
	e.waits = backoff{}
	if e.warned {
		e.tokens.logger.Info("The token of "+e.tokens.label()+" was renewed", zap.String("scope", e.scope), reasonField(e.refused))
	}
	e.refused, e.warned = nil, false
	for key, l := range e.lacks {
		if token.Permits(l.roles) {
			delete(e.lacks, key)
		}
	}
}

// refuse remembers a refusal. A token that is still good stays in use, and its end allows one more try, unless Entra
// itself asked to wait.
func (e *entry) refuse(now time.Time, refused entraauth.Error) *entraauth.Error {
	asked := refused.Reason == entraauth.ReasonThrottled || refused.RetryAt.After(now)
	refused.RetryAt = now.Add(e.waits.next(now, &refused, e.recheck()))
	if s := e.state.Load(); s != nil && now.Before(s.expires) {
		if !asked {
			refused.RetryAt = earlier(refused.RetryAt, s.expires)
		}
		later := *s
		later.refreshAt = earlier(refused.RetryAt, s.expires)
		e.state.Store(&later)
		e.warn(&refused)
	}
	e.refused = &refused
	return &refused
}

// warn tells that a token in use cannot be renewed, which no caller sees yet. Every other refusal is an error of the
// request that needed the token, and the caller's to report.
func (e *entry) warn(refused *entraauth.Error) {
	if e.warned || e.tokens.keeper.ctx.Err() != nil {
		return
	}
	e.warned = true
	e.tokens.logger.Warn("The token of "+e.tokens.label()+" cannot be renewed; it is used to its end", e.fields(refused)...)
}

// land gives the result of an acquisition to one who waited for it.
func (e *entry) land(f *flight, roles []string) (*Token, error) {
	if f.err != nil || f.token.Permits(roles) {
		return f.token, f.err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return nil, e.lacking(e.now(), f.token, roles).err
}

// lacking remembers that a token holds none of the roles, and counts each token once.
func (e *entry) lacking(now time.Time, token *Token, roles []string) *lack {
	key := strings.Join(roles, " ")
	l := e.lacks[key]
	if l != nil && l.token == token {
		return l
	}
	if l == nil {
		l = &lack{roles: slices.Clone(roles)}
		if e.lacks == nil {
			e.lacks = map[string]*lack{}
		}
		e.lacks[key] = l
	}
	l.token = token
	l.err = &entraauth.Error{
		Reason: entraauth.ReasonNoRole, Advice: e.tokens.advise(e.scope),
		Err: errors.New("the token has none of the permissions " + strings.Join(roles, ", ")),
	}
	l.err.RetryAt = now.Add(l.waits.next(now, l.err, e.recheck()))
	return l
}

func (e *entry) fields(refused *entraauth.Error) []zap.Field {
	return []zap.Field{
		zap.String("scope", e.scope), reasonField(refused), zap.String("error_code", refused.Code),
		zap.NamedError("cause", refused.Err), zap.String("advice", refused.Advice), zap.Time("retry_at", refused.RetryAt),
	}
}

func reasonField(refused *entraauth.Error) zap.Field {
	return zap.String("reason", string(refused.Reason))
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
