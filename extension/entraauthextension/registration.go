package entraauthextension

import (
	"fmt"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/internal/tenants"
	"github.com/otelcol-defender/otelcol-defender/internal/cloud"
)

// Registration is an enabled tenant with the application that signs in to it: what an administrator of the tenant
// consents to.
type Registration struct {
	Tenant entraauth.Tenant
	// ClientID is the id of the application, the tenant's own or the one that all share.
	ClientID string
	// Authority is the scheme and host where the tenant signs in.
	Authority string
	// Delegated tells that a user of the tenant signs in, and not the application.
	Delegated bool
}

// Registrations lists the enabled tenants of the configuration and of the tenants file, in their order. Nothing but the
// file is read. The configuration is valid.
func (c *Config) Registrations() ([]Registration, error) {
	rows := c.Tenants
	if path := c.TenantsFile; path != "" {
		data, err := tenants.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("tenants_file: %w", err)
		}
		if rows, err = c.merge(data); err != nil {
			return nil, fmt.Errorf("tenants_file %s: %w", path, err)
		}
	}
	list := make([]Registration, 0, len(rows))
	for i := range rows {
		if rows[i].IsEnabled() {
			list = append(list, c.registration(&rows[i]))
		}
	}
	return list, nil
}

func (c *Config) registration(row *tenants.Row) Registration {
	r := Registration{Tenant: row.Tenant(c.Cloud), Delegated: row.IsDelegated()}
	where, _ := cloud.Lookup(r.Tenant.Cloud)
	r.Authority = (&builder{cfg: c}).authority(where)
	app := row.Application
	if app == nil {
		app = c.Application
	}
	if app != nil {
		r.ClientID = app.ClientID
	}
	return r
}
