package token

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/internal/refresh"
)

// maxSave bounds the writing of a refresh token, which the end of the collector does not interrupt.
const maxSave = 5 * time.Second

// SignIn is what a Delegated is made of.
type SignIn struct {
	Application *Application
	// TenantID and Tenant are the id and the name of the tenant.
	TenantID, Tenant string
	// Seed is the refresh token of the configuration, empty where there is none.
	Seed string
	// Slot is where the rotated ones are kept.
	Slot *refresh.Slot
	// Logger names the tenant.
	Logger *zap.Logger
}

// Delegated asks for the tokens of one tenant's signed-in user. All its scopes share one refresh token, which every answer
// replaces, so it asks for one at a time. It keeps none in memory: each time it takes the one that is stored, because
// another process may have stored a newer one.
type Delegated struct {
	SignIn

	turn chan struct{}
	// What follows is changed by who has the turn.

	// unsaved is a rotated token that could not be stored, with what the storage held instead.
	unsaved *unsaved
	// refused are the last refusals that ask the user to sign in again, by scope.
	refused map[string]refusedSignIn
	// warned tells that an unreadable entry was told of.
	warned bool
}

type unsaved struct {
	token  string
	before refresh.Stored
}

// refusedSignIn is a refusal with the token it was for.
type refusedSignIn struct {
	token string
	until time.Time
	err   *entraauth.Error
}

// NewDelegated prepares a sign-in; nothing is read or asked.
func NewDelegated(s SignIn) *Delegated {
	return &Delegated{SignIn: s, turn: make(chan struct{}, 1), refused: map[string]refusedSignIn{}}
}

// held is the refresh token in use, and what the storage held when it was read.
type held struct {
	token  string
	before refresh.Stored
}

// Acquire asks Entra for a token by the refresh token. The new refresh token of the answer is stored before the token is
// used.
func (d *Delegated) Acquire(ctx context.Context, scope string) (*Token, *entraauth.Error) {
	s := d.subject(scope)
	select {
	case d.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, &entraauth.Error{
			Reason: entraauth.ReasonTransient, Advice: Advice(entraauth.ReasonTransient, s),
			Err: fmt.Errorf("waiting for another token of the tenant: %w", context.Cause(ctx)),
		}
	}
	defer func() { <-d.turn }()
	now, refused := d.current(ctx, s)
	if refused != nil {
		return nil, refused
	}
	if before := d.refused[scope]; before.token == now.token && d.Application.env.Now().Before(before.until) {
		return nil, before.err
	}
	given, refused := d.Application.ask(ctx, s, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {now.token}})
	if refused != nil {
		d.remember(scope, now.token, refused)
		return nil, refused
	}
	delete(d.refused, scope)
	if refused := d.keep(ctx, now, given.refresh, s); refused != nil {
		return nil, refused
	}
	return given.token, nil
}

func (d *Delegated) subject(scope string) Subject {
	s := d.Application.Subject(d.TenantID, scope)
	s.Tenant, s.Delegated = d.Tenant, true
	return s
}

// remember keeps Entra from being asked by the same refused token again and again, while the storage is looked at each
// time: a user who signs in anew is found there.
func (d *Delegated) remember(scope, token string, refused *entraauth.Error) {
	if refused.Reason == entraauth.ReasonSignIn {
		env := d.Application.env
		d.refused[scope] = refusedSignIn{token, env.Now().Add(rejectedFor * env.Recheck), refused}
	}
}

var errNobody = errors.New("nobody has signed in yet")

// current finds the refresh token that counts: the stored one, unless the configuration has another value than when it was
// stored.
func (d *Delegated) current(ctx context.Context, s Subject) (held, *entraauth.Error) {
	stored, err := d.Slot.Load(ctx)
	unreadable, _ := errors.AsType[*refresh.UnreadableError](err)
	switch {
	case err != nil && unreadable == nil:
		return held{}, d.storageError(err, s)
	case d.unsaved != nil && d.unsaved.before.Same(stored):
		return d.saveLate(ctx, s)
	case unreadable != nil:
		return d.despite(stored, unreadable, s)
	}
	d.unsaved, d.warned = nil, false
	switch {
	case !stored.Empty() && (d.Seed == "" || stored.Seed == refresh.Fingerprint(d.Seed)):
		return held{stored.Token, stored}, nil
	case d.Seed != "":
		return held{d.Seed, stored}, nil
	default:
		return held{}, &entraauth.Error{Reason: entraauth.ReasonSignIn, Err: errNobody, Advice: Advice(entraauth.ReasonSignIn, s)}
	}
}

// despite goes on with the configuration's token where the stored one cannot be read.
func (d *Delegated) despite(stored refresh.Stored, unreadable *refresh.UnreadableError, s Subject) (held, *entraauth.Error) {
	if d.Seed == "" {
		return held{}, &entraauth.Error{Reason: entraauth.ReasonStorage, Err: unreadable, Advice: Advice(entraauth.ReasonStorage, s)}
	}
	if !d.warned {
		d.warned = true
		d.Logger.Warn("The stored refresh token of tenant "+d.Tenant+" cannot be used: going on with the one of the configuration",
			zap.Error(unreadable), zap.String("advice", Advice(entraauth.ReasonStorage, s)))
	}
	return held{d.Seed, stored}, nil
}

// saveLate stores what could not be stored before, without asking Entra for yet another one.
func (d *Delegated) saveLate(ctx context.Context, s Subject) (held, *entraauth.Error) {
	late := *d.unsaved
	after, refused := d.save(ctx, late, s)
	return held{late.token, after}, refused
}

// keep stores the refresh token of an answer. Until that is done the answer counts for nothing: after a crash there would be
// no way to go on once the older one ends.
func (d *Delegated) keep(ctx context.Context, now held, rotated string, s Subject) *entraauth.Error {
	if rotated == "" || (rotated == now.before.Token && !now.before.Empty()) {
		return nil
	}
	_, refused := d.save(ctx, unsaved{rotated, now.before}, s)
	return refused
}

// save stores a token, unless somebody stored another one since: that one is newer, by a user who signed in.
func (d *Delegated) save(ctx context.Context, u unsaved, s Subject) (refresh.Stored, *entraauth.Error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxSave)
	defer cancel()
	after, _, err := d.Slot.Replace(ctx, u.before, refresh.Entry{
		Token: u.token, Seed: refresh.Fingerprint(d.Seed), Saved: d.Application.env.Now().UTC(),
	})
	if err != nil {
		d.unsaved = &u
		return after, d.storageError(err, s)
	}
	d.unsaved = nil
	return after, nil
}

func (d *Delegated) storageError(err error, s Subject) *entraauth.Error {
	return &entraauth.Error{
		Reason: entraauth.ReasonStorage, Err: fmt.Errorf("keeping the refresh token: %w", err),
		Advice: "the provider must mend the storage that the extension names, which must be readable and writable and not damaged; " +
			"until then no token of tenant " + s.Tenant + " is used",
	}
}
