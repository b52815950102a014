package defenderreceiver

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/source"
)

const maxFilter = 4096

// regions are the regional hosts of Defender for Endpoint; a newer one is reached with the key endpoint.
func regions() []string { return []string{"us", "eu", "uk", "au", "swa", "ina", "aea"} }

// validate is not called Validate: it needs to know which source it is for.
func (c *SourceConfig) validate(s source.Source) error {
	var errs []error
	refuse := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("`sources::%s::%s` "+format, append([]any{s.Key, key}, args...)...))
	}
	if problem := endpointProblem(c.Endpoint); problem != "" {
		refuse("endpoint", "takes https://host, or http:// on a loopback address, with a path prefix if need be: %s", problem)
	}
	if c.Region != "" && !s.Regional {
		refuse("region", "is not taken: the API has one host in each cloud")
	} else if c.Region != "" && !slices.Contains(regions(), c.Region) {
		refuse("region", "takes %s, not %q", strings.Join(regions(), ", "), c.Region)
	}
	if c.Scope != "" && !(strings.Contains(c.Scope, "://") && strings.HasSuffix(c.Scope, "/.default")) {
		refuse("scope", "takes a resource followed by /.default, such as https://graph.microsoft.com/.default, not %q", c.Scope)
	}
	for key, value := range map[string]*time.Duration{"poll_interval": c.PollInterval, "overlap": c.Overlap} {
		if value != nil {
			if err := validateDuration("sources::"+s.Key+"::"+key, *value); err != nil {
				errs = append(errs, err)
			}
		}
	}
	if c.PageSize != nil && (*c.PageSize < 1 || *c.PageSize > s.MaxPageSize) {
		refuse("page_size", "takes a number from 1 to %d, not %d", s.MaxPageSize, *c.PageSize)
	}
	if problem := filterProblem(c.Filter); problem != "" {
		refuse("filter", "takes an OData expression, such as severity eq 'High': %s", problem)
	}
	return errors.Join(errs...)
}

func endpointProblem(endpoint string) string {
	if endpoint == "" {
		return ""
	}
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Host == "":
		return fmt.Sprintf("%q is not a URL with a host", endpoint)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "it has a user, a query or a fragment"
	case u.Scheme == "https" || (u.Scheme == "http" && loopback(u.Hostname())):
		return ""
	case u.Scheme == "http":
		return fmt.Sprintf("a token would go to %s unencrypted", u.Host)
	default:
		return fmt.Sprintf("%q is not its scheme", u.Scheme)
	}
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
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
