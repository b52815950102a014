package defenderreceiver

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/source"
)

const maxFilter = 4096

// regions are the regional hosts of Defender for Endpoint; a newer one is reached with the key endpoint.
func regions() []string { return []string{"us", "eu", "uk", "au", "swa", "ina", "aea"} }

// validate is not called Validate: it needs to know which source it is for.
func (c *SourceConfig) validate(s source.Source) error {
	errs := []error{c.validatePlace(s)}
	for _, d := range []struct {
		key   string
		value *time.Duration
	}{
		{"poll_interval", c.PollInterval},
		{"overlap", c.Overlap},
	} {
		if d.value != nil {
			errs = append(errs, validateDuration("sources::"+s.Key+"::"+d.key, *d.value))
		}
	}
	if c.PageSize != nil && (*c.PageSize < 1 || *c.PageSize > s.MaxPageSize) {
		errs = append(errs, refused(s, "page_size", "takes a number from 1 to %d, not %d", s.MaxPageSize, *c.PageSize))
	}
	if problem := filterProblem(c.Filter); problem != "" {
		errs = append(errs, refused(s, "filter", "takes an OData expression, such as severity eq 'High': %s", problem))
	}
	return errors.Join(errs...)
}

// validatePlace checks where the source answers and what a token for it is asked for.
func (c *SourceConfig) validatePlace(s source.Source) error {
	var errs []error
	if problem := endpointProblem(c.Endpoint); problem != "" {
		errs = append(errs, refused(s, "endpoint",
			"takes https://host, or http:// on a loopback address, with a path prefix if need be: %s", problem))
	}
	switch {
	case c.Region == "":
	case !s.Regional:
		errs = append(errs, refused(s, "region", "is not taken: the API has one host in each cloud"))
	case !slices.Contains(regions(), c.Region):
		errs = append(errs, refused(s, "region", "takes %s, not %q", strings.Join(regions(), ", "), c.Region))
	}
	if c.Scope != "" && !(strings.Contains(c.Scope, "://") && strings.HasSuffix(c.Scope, "/.default")) {
		errs = append(errs, refused(s, "scope",
			"takes a resource followed by /.default, such as https://graph.microsoft.com/.default, not %q", c.Scope))
	}
	return errors.Join(errs...)
}

func refused(s source.Source, key, format string, args ...any) error {
	return fmt.Errorf("`sources::%s::%s` %s", s.Key, key, fmt.Sprintf(format, args...))
}

func endpointProblem(endpoint string) string {
	if endpoint == "" {
		return ""
	}
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Hostname() == "" || !entraauth.IsPort(u.Port()):
		return "it is not a URL with a host" // and may hold a password: not shown
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(endpoint, "#"):
		return "it has a user, a query or a fragment"
	case entraauth.Private(u):
		return ""
	case u.Scheme == "http":
		return fmt.Sprintf("a token would go to %s unencrypted", u.Host)
	default:
		return fmt.Sprintf("%q is not its scheme", u.Scheme)
	}
}

// filterProblem finds what would change the receiver's own expression when the two are and-ed in parentheses.
func filterProblem(filter string) string {
	depth, quoted := 0, false
	for _, r := range filter {
		switch {
		case r == '\'':
			quoted = !quoted
		case r < ' ':
			return "it has a control character"
		case quoted:
		case r == '(':
			depth++
		case r == ')':
			if depth--; depth < 0 {
				return "a parenthesis is closed that was not opened"
			}
		}
	}
	switch {
	case quoted:
		return "a quote is not closed"
	case depth > 0:
		return "a parenthesis is not closed"
	case filter != "" && strings.TrimSpace(filter) == "":
		return "it is blank"
	case len(filter) > maxFilter:
		return fmt.Sprintf("it is longer than %d characters", maxFilter)
	default:
		return ""
	}
}
