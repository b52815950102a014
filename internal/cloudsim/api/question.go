package api

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/odata"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// question is what a list is asked for, and how it is to behave.
type question struct {
	filter odata.Expr
	// from, to and match are what the SIEM API knows in place of a filter.
	from, to time.Time
	match    func(*world.Version) bool
	// top is -1 where the request has none.
	top, skip int
	count     bool
	form      world.Form

	// What faults change.
	lenient, ignoreFilter, exclusive bool
	arrange                          func(newestFirst []*world.Version)
	// serverPage is the most that one answer holds, with a nextLink to the rest; 0 is the API's own limit.
	serverPage int
	// links is set where even a request with $top gets nextLinks.
	links bool
}

// wantsUnknownMembers tells whether Graph may show enumeration members that it added later.
func wantsUnknownMembers(r *http.Request) bool {
	return slices.ContainsFunc(r.Header.Values("Prefer"), func(prefer string) bool {
		return strings.Contains(strings.ToLower(prefer), "include-unknown-enum-members")
	})
}

// ask reads a request's query. Its errors are for the client.
func (s *surface) read(server *Server, r *http.Request, q *question) error {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return errors.New("The query string is malformed")
	}
	if s.ask != nil {
		return s.ask(server, values, q)
	}
	if err := s.checkParameters(values, q.lenient); err != nil {
		return err
	}
	q.top, q.count = -1, values.Get("$count") == "true"
	q.form = world.Form{Expanded: values.Get("$expand") != "", UnknownMembers: wantsUnknownMembers(r)}
	if values.Has("$filter") {
		if q.filter, err = odata.Parse(values.Get("$filter"), s.properties); err != nil {
			return fmt.Errorf("Invalid filter clause: %w", err)
		}
	}
	return s.askPage(values, q)
}

func (s *surface) checkParameters(values url.Values, lenient bool) error {
	for name, given := range values {
		if len(given) > 1 {
			return fmt.Errorf("Query option '%s' was specified more than once", name)
		}
		if strings.HasPrefix(name, "$") && !lenient && !slices.Contains(s.parameters, name) {
			return fmt.Errorf("Query option '%s' is not supported", name)
		}
	}
	if expand := values.Get("$expand"); expand != "" && expand != s.expandable {
		return fmt.Errorf("Could not find a property named '%s' to expand", expand)
	}
	return nil
}

func (s *surface) askPage(values url.Values, q *question) (err error) {
	if values.Has("$top") {
		if q.top, err = count(values, "$top"); err != nil {
			return err
		}
		if q.top > s.maxTop {
			return fmt.Errorf("The limit of '%d' for Top query has been exceeded. The value from the incoming request is '%d'", s.maxTop, q.top)
		}
	}
	if values.Has("$skip") {
		if q.skip, err = count(values, "$skip"); err != nil {
			return err
		}
	}
	if token := values.Get("$skiptoken"); token != "" {
		q.skip, err = readSkipToken(token)
	}
	return err
}

func count(values url.Values, name string) (int, error) {
	n, err := strconv.Atoi(values.Get(name))
	if err != nil || n < 0 {
		return 0, fmt.Errorf("Invalid value '%s' for %s query option found", values.Get(name), name)
	}
	return n, nil
}

// skipToken hides an offset, as opaque as the original.
func skipToken(skip int) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "skip:%d", skip))
}

func readSkipToken(token string) (int, error) {
	text, err := base64.RawURLEncoding.DecodeString(token)
	offset, ok := strings.CutPrefix(string(text), "skip:")
	n, numberErr := strconv.Atoi(offset)
	if err != nil || !ok || numberErr != nil || n < 0 {
		return 0, errors.New("Invalid $skiptoken")
	}
	return n, nil
}
