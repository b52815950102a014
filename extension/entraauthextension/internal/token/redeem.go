package token

import (
	"context"
	"errors"
	"net/url"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/internal/refresh"
)

// Code is an authorization code with what was said when it was asked for.
type Code struct {
	Value, RedirectURI string
	// Verifier is that of RFC 7636.
	Verifier string
}

var errNoRefresh = errors.New("the answer has no refresh token: the sign-in must ask for offline_access")

// Redeem exchanges the code of a user who has just signed in, and stores the refresh token in place of any other.
func (d *Delegated) Redeem(ctx context.Context, scope string, code Code) (*Token, *entraauth.Error) {
	s := d.subject(scope)
	given, refused := d.Application.ask(ctx, s, url.Values{
		"grant_type": {"authorization_code"}, "code": {code.Value}, "redirect_uri": {code.RedirectURI}, "code_verifier": {code.Verifier},
	})
	if refused != nil {
		return nil, refused
	}
	if given.refresh == "" {
		return nil, &entraauth.Error{Reason: entraauth.ReasonConfiguration, Err: errNoRefresh, Advice: Advice(entraauth.ReasonConfiguration, s)}
	}
	// The code is spent: a browser that leaves now must not lose what it was given for.
	saving, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxSave)
	defer cancel()
	if err := d.Put(saving, given.refresh); err != nil {
		return nil, d.storageError(err, s)
	}
	return given.token, nil
}

// Put stores a refresh token in place of any other. It counts until the configuration has another value than now.
func (d *Delegated) Put(ctx context.Context, refreshToken string) error {
	return d.Slot.Put(ctx, refresh.Entry{
		Token: refreshToken, Seed: refresh.Fingerprint(d.Seed), Saved: d.Application.env.Now().UTC(),
	})
}
