package source

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/internal/cloud"
)

// Override is what a configuration sets in place of the cloud's table; empty values leave it as it is.
type Override struct {
	Endpoint, Scope, Region string
}

// Target is where a source answers for one tenant.
type Target struct {
	Endpoint string // without a slash at its end
	Origin   string // the only origin that may see the tenant's token
	Scope    string
}

// NotOfferedError says that a tenant's cloud does not have the API.
type NotOfferedError struct {
	Source, Cloud string
}

func (e *NotOfferedError) Error() string {
	return fmt.Sprintf("%s is not offered in the cloud %s; remove it for this tenant, or set endpoint and scope of the source", e.Source, e.Cloud)
}

// Target resolves where the source answers in a tenant's cloud.
func (s Source) Target(cloudName string, o Override) (Target, error) {
	row, _ := cloud.Lookup(cloudName)
	api := s.API(row)
	endpoint, scope := o.Endpoint, o.Scope
	if endpoint == "" {
		endpoint = api.Host
		if o.Region != "" && api.Regional != "" {
			endpoint = fmt.Sprintf(api.Regional, o.Region)
		}
	}
	if scope == "" {
		scope = api.Scope
	}
	if endpoint == "" || scope == "" {
		return Target{}, &NotOfferedError{Source: s.Key, Cloud: cloudName}
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return Target{}, fmt.Errorf("endpoint of %s: %w", s.Key, err)
	}
	return Target{Endpoint: strings.TrimRight(endpoint, "/"), Origin: entraauth.Origin(u), Scope: scope}, nil
}
