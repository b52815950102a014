package entraauthextension

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/internal/tenants"
	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/internal/token"
)

// SignIn signs users of customers in for an extension that need not run, or runs in another process: what it stores is what
// that one uses the next time. The storage is open only while it is written.
type SignIn struct {
	// ID and Config are those of the extension.
	ID     component.ID
	Config *Config
	// Host has the storage extension, started.
	Host     component.Host
	Settings component.TelemetrySettings
}

// AuthorizationCode is what a browser brought back after a user signed in, with what was said when it was sent there.
type AuthorizationCode struct {
	Code configopaque.String
	// RedirectURI and Scope are those of the request. The scope is one resource's, https://…/.default, or a v1.0 resource.
	RedirectURI, Scope string
	// Verifier is the code verifier of PKCE (RFC 7636).
	Verifier configopaque.String
}

// Redeem exchanges a code for the tenant of that name or id, by the credentials of its application, and stores the refresh
// token. The request must have asked for offline_access as well, unless it was for a v1.0 resource. An error of Entra is an
// *entraauth.Error.
func (s SignIn) Redeem(ctx context.Context, tenant string, code AuthorizationCode) (entraauth.TokenInfo, error) {
	d, end, err := s.delegated(ctx, tenant)
	if err != nil {
		return entraauth.TokenInfo{}, err
	}
	defer end()
	tok, refused := d.Redeem(ctx, code.Scope, token.Code{
		Value: string(code.Code), RedirectURI: code.RedirectURI, Verifier: string(code.Verifier),
	})
	if refused != nil {
		return entraauth.TokenInfo{}, refused
	}
	return tok.Info(), nil
}

// Store stores a refresh token for the tenant of that name or id. It counts before the configuration's, until that changes.
func (s SignIn) Store(ctx context.Context, tenant string, refreshToken configopaque.String) error {
	d, end, err := s.delegated(ctx, tenant)
	if err != nil {
		return err
	}
	defer end()
	if err := d.Put(ctx, string(refreshToken)); err != nil {
		return fmt.Errorf("storing the refresh token of tenant %s: %w", tenant, err)
	}
	return nil
}

// delegated makes what the extension has for the tenant.
func (s SignIn) delegated(ctx context.Context, tenant string) (*token.Delegated, func(), error) {
	row, err := s.Config.row(tenant)
	if err != nil {
		return nil, nil, err
	}
	vault, err := newVault(s.Config, s.ID, s.Host, s.Settings.Logger)
	if err != nil {
		return nil, nil, err
	}
	if vault == nil {
		return nil, nil, errNoVault
	}
	client, err := s.Config.HTTP.ToClient(ctx, s.Host.GetExtensions(), s.Settings)
	if err != nil {
		return nil, nil, fmt.Errorf("building the HTTP client for the authority: %w", err)
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	identity := &http.Client{Transport: &http.Transport{}}
	b := builder{cfg: s.Config, vault: vault, logger: s.Settings.Logger, env: token.Environment{
		HTTP: client, Identity: identity, Recheck: s.Config.RecheckInterval, Now: time.Now, Logger: s.Settings.Logger,
		Observe: func(context.Context, string, string) {},
	}}
	app, err := b.application(&roster{}, &roster{applications: map[applicationKey]*token.Application{}}, row, b.fingerprint())
	if err != nil {
		return nil, nil, err
	}
	idle := func() { client.CloseIdleConnections(); identity.CloseIdleConnections() }
	return b.delegated(row, app, s.Settings.Logger), idle, nil
}

var errNoVault = errors.New("storage and storage_encryption_key must be set where a tenant signs in by a user")

// row finds an enabled tenant, also in the tenants file, whose user signs in.
func (c *Config) row(tenant string) (*tenants.Row, error) {
	rows := c.Tenants
	if c.TenantsFile != "" {
		data, err := tenants.ReadFile(c.TenantsFile)
		if err == nil {
			rows, err = c.merge(data)
		}
		if err != nil {
			return nil, fmt.Errorf("tenants_file %s: %w", c.TenantsFile, err)
		}
	}
	for i := range rows {
		row := &rows[i]
		switch {
		case !names(row, tenant) || !row.IsEnabled():
		case !row.IsDelegated():
			return nil, fmt.Errorf("tenant %q does not sign in by a user: set sign_in to %s in its row", tenant, tenants.SignInDelegated)
		default:
			return row, nil
		}
	}
	return nil, fmt.Errorf("tenant %q is not in the list or not enabled", tenant)
}
