package defenderreceiver

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/source"
)

const maxFilter = 4096

// regionPattern is what a region may be: Microsoft's list grows, and one that is not in it is only warned of.
var regionPattern = regexp.MustCompile(`^[a-z]{2,8}$`)

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
	return errors.Join(append(errs, c.validateSelection(s)...)...)
}

// validateSelection checks what narrows the records down.
func (c *SourceConfig) validateSelection(s source.Source) []error {
	var errs []error
	if s.Array {
		if c.Filter != "" {
			errs = append(errs, refused(s, "filter", "is not taken: the API has no OData; it takes machine_groups, "+
				"device_created_machine_tags and cloud_created_machine_tags"))
		}
		for _, group := range c.MachineGroups {
			if strings.TrimSpace(group) == "" {
				errs = append(errs, refused(s, "machine_groups", "takes names of groups, such as [Workstations], not a blank one"))
			}
		}
		return errs
	}
	if problem := filterProblem(c.Filter); problem != "" {
		errs = append(errs, refused(s, "filter", "takes an OData expression, such as severity eq 'High': %s", problem))
	}
	for key := range c.parameters() {
		errs = append(errs, refused(s, parameterKeys()[key], "is not taken: only siem_alerts has it; use filter"))
	}
	return errs
}

// parameterKeys are the keys that become parameters of the API, by the parameter.
func parameterKeys() map[string]string {
	return map[string]string{
		"machinegroups":            "machine_groups",
		"DeviceCreatedMachineTags": "device_created_machine_tags",
		"CloudCreatedMachineTags":  "cloud_created_machine_tags",
	}
}

// parameters are the values of those keys that are set.
func (c *SourceConfig) parameters() url.Values {
	values := url.Values{}
	if len(c.MachineGroups) > 0 {
		values["machinegroups"] = c.MachineGroups
	}
	if c.DeviceCreatedMachineTags != "" {
		values.Set("DeviceCreatedMachineTags", c.DeviceCreatedMachineTags)
	}
	if c.CloudCreatedMachineTags != "" {
		values.Set("CloudCreatedMachineTags", c.CloudCreatedMachineTags)
	}
	return values
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
	case len(s.Regions) == 0:
		errs = append(errs, refused(s, "region", "is not taken: the API has one host in each cloud"))
	case !regionPattern.MatchString(c.Region):
		errs = append(errs, refused(s, "region", "takes %s or a later one of Microsoft's, in two to eight small letters, not %q",
			strings.Join(s.Regions, ", "), c.Region))
	}
	if problem := scopeProblem(s, c.Scope); problem != "" {
		errs = append(errs, refused(s, "scope", "takes %s, not %q", problem, c.Scope))
	}
	return errors.Join(errs...)
}

// scopeProblem says what a scope must be, if it is not. One that does not end in /.default is a resource of the v1.0
// endpoint, which the SIEM API alone is for.
func scopeProblem(s source.Source, scope string) string {
	resource, v2 := strings.CutSuffix(scope, "/.default")
	u, err := url.Parse(resource)
	named := err == nil && u.Host != ""
	bare := s.Array && named && (u.Scheme == "https" || u.Scheme == "api")
	switch {
	case scope == "" || bare || named && v2:
		return ""
	case s.Array:
		return "a resource, such as https://graph.windows.net"
	default:
		return "a resource followed by /.default, such as https://graph.microsoft.com/.default"
	}
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
