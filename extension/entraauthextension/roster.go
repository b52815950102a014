package entraauthextension

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/internal/refresh"
	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/internal/tenants"
	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/internal/token"
	"github.com/otelcol-defender/otelcol-defender/internal/cloud"
)

// roster is the list of tenants at one time, with their tokens; replaced, never changed.
type roster struct {
	rows         []tenants.Row
	byID         map[string]*tenant
	byName       map[string]*tenant
	applications map[applicationKey]*token.Application
}

// tenant is one enabled tenant.
type tenant struct {
	row    tenants.Row
	tokens *token.Tokens
}

// applicationKey tells app registrations apart; tenants that share one share its clients and what is known of its
// credentials.
type applicationKey struct {
	fingerprint         [sha256.Size]byte
	authority, audience string
}

// find returns the tenant of an id.
func (r *roster) find(id string) (*tenant, bool) {
	t, ok := r.byID[id]
	return t, ok
}

// findNamed returns the tenant of a name or, failing that, an id.
func (r *roster) findNamed(name string) (*tenant, bool) {
	if t, ok := r.byName[name]; ok {
		return t, true
	}
	return r.find(strings.ToLower(name))
}

// notAfter returns when the certificate that ends first ends.
func (r *roster) notAfter() (first time.Time, ok bool) {
	for _, app := range r.applications {
		if end, has := app.NotAfter(); has && (!ok || end.Before(first)) {
			first, ok = end, true
		}
	}
	return first, ok
}

// failing are the credentials that did not work when they were last tried.
func (r *roster) failing() map[token.Failing]bool {
	failing := map[token.Failing]bool{}
	for _, app := range r.applications {
		for _, f := range app.Failing() {
			failing[f] = true
		}
	}
	return failing
}

// builder makes a roster from rows, taking over from the one before it what did not change.
type builder struct {
	cfg    *Config
	env    token.Environment
	keeper *token.Keeper
	vault  *refresh.Vault // nil where no refresh tokens are kept
	logger *zap.Logger
}

func (b *builder) build(old *roster, rows []tenants.Row) (*roster, error) {
	next := &roster{
		rows: rows, byID: make(map[string]*tenant, len(rows)), byName: make(map[string]*tenant, len(rows)),
		applications: map[applicationKey]*token.Application{},
	}
	shared := b.fingerprint()
	for i := range rows {
		row := &rows[i]
		if !row.IsEnabled() {
			continue
		}
		app, err := b.application(old, next, row, shared)
		if err != nil {
			return nil, fmt.Errorf("application: %w", err)
		}
		t, known := old.find(row.TenantID())
		if !known || !tenants.Same(&t.row, row) {
			t = b.tenant(*row, app)
		}
		next.byID[row.TenantID()], next.byName[row.Label()] = t, t
	}
	return next, nil
}

func (b *builder) fingerprint() (shared [sha256.Size]byte) {
	if b.cfg.Application != nil {
		shared = b.cfg.Application.Fingerprint()
	}
	return shared
}

// application returns the client for a row: one that is there already, or a new one.
func (b *builder) application(old, next *roster, row *tenants.Row, shared [sha256.Size]byte) (*token.Application, error) {
	where, _ := cloud.Lookup(row.Tenant(b.cfg.Cloud).Cloud)
	config, key := b.cfg.Application, applicationKey{shared, b.authority(where), where.Audience}
	if row.Application != nil {
		config, key.fingerprint = row.Application, row.Application.Fingerprint()
	}
	for _, r := range []*roster{next, old} {
		if app, ok := r.applications[key]; ok {
			next.applications[key] = app
			return app, nil
		}
	}
	app, err := token.NewApplication(config, key.authority, key.audience, b.env)
	if err != nil {
		return nil, err
	}
	next.applications[key] = app
	return app, nil
}

func (b *builder) authority(where cloud.Cloud) string {
	if b.cfg.AuthorityHost != "" {
		return strings.TrimRight(b.cfg.AuthorityHost, "/")
	}
	return where.Authority
}

func (b *builder) tenant(row tenants.Row, app *token.Application) *tenant {
	id := row.TenantID()
	logger := b.logger.WithLazy(zap.String("tenant", row.Label()), zap.String("azure.tenant.id", id))
	advise := func(scope string) string { return token.Advice(entraauth.ReasonNoRole, app.Subject(id, scope)) }
	tokens := b.keeper.Tenant(b.fetch(&row, app, logger), advise, logger)
	return &tenant{row: row, tokens: tokens.Of(row.Label(), app.Authority())}
}

// fetch is how the tenant's tokens are had: by the application itself, or by a user's sign-in.
func (b *builder) fetch(row *tenants.Row, app *token.Application, logger *zap.Logger) token.Fetch {
	if row.IsDelegated() {
		return b.delegated(row, app, logger).Acquire
	}
	id := row.TenantID()
	return func(ctx context.Context, scope string) (*token.Token, *entraauth.Error) {
		return app.Acquire(ctx, id, scope)
	}
}

// delegated is for rows that were checked: there is a vault.
func (b *builder) delegated(row *tenants.Row, app *token.Application, logger *zap.Logger) *token.Delegated {
	return token.NewDelegated(token.SignIn{
		Application: app, TenantID: row.TenantID(), Tenant: row.Label(), Seed: row.Seed(),
		Slot: b.vault.Slot(row.TenantID(), app.ClientID()), Logger: logger,
	})
}

// visible lists the enabled tenants as other components see them, in the order of the rows.
func (r *roster) visible(defaultCloud string) []entraauth.Tenant {
	list := make([]entraauth.Tenant, 0, len(r.byID))
	for i := range r.rows {
		if r.rows[i].IsEnabled() {
			list = append(list, r.rows[i].Tenant(defaultCloud))
		}
	}
	return list
}
