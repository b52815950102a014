package ctl

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension"
	"github.com/otelcol-defender/otelcol-defender/internal/ctl/deployment"
)

// registrations lists the tenants of a configuration that have one of the names or ids, all without names.
func registrations(d *deployment.Deployment, names []string) ([]entraauthextension.Registration, error) {
	var chosen []entraauthextension.Registration
	found := map[string]bool{}
	for _, e := range d.Tenants {
		all, err := e.Config.Registrations()
		if err != nil {
			return nil, fmt.Errorf("extensions::%s: %w", e.ID, err)
		}
		for _, r := range all {
			i := slices.IndexFunc(names, func(name string) bool { return called(r, name) })
			if i >= 0 {
				found[names[i]] = true
			}
			if i >= 0 || len(names) == 0 {
				chosen = append(chosen, r)
			}
		}
	}
	var errs []error
	for _, name := range names {
		if !found[name] {
			errs = append(errs, unknownTenant(name))
		}
	}
	return chosen, errors.Join(errs...)
}

// called tells whether a tenant has that name or id. Case does not matter: an id may be written in either.
func called(r entraauthextension.Registration, name string) bool {
	return strings.EqualFold(name, r.Tenant.Name) || strings.EqualFold(name, r.Tenant.ID)
}

func unknownTenant(name string) error {
	return fmt.Errorf("--tenant %s: no enabled tenant of the configuration has that name or id", name)
}
