// Package source describes Microsoft's alert feeds. A feed is data: where it answers, what it is asked, how its records
// are read. The next feed is one more file here.
package source

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/otelcol-defender/otelcol-defender/internal/cloud"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/quota"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/record"
)

// Source is one feed.
type Source struct {
	// Key names the source in the configuration and in every record.
	Key string
	// Path follows the endpoint.
	Path string
	// UpdateTime is the property that moves with every version.
	UpdateTime string
	// Expand is the value of $expand, empty for none.
	Expand string
	// Header goes with every request.
	Header http.Header
	// PageSize is the default of the key page_size, MaxPageSize the most that the API gives.
	PageSize, MaxPageSize int
	// Roles are the application permissions of which one suffices.
	Roles []string
	// Quota is the name of the budget, shared by the sources of one API, and Limits what it allows.
	Quota  string
	Limits []quota.Limit
	// Regional tells whether the source takes the key region.
	Regional bool
	// Schema reads the records.
	Schema *record.Schema
	// API picks the source's row from a cloud.
	API func(cloud.Cloud) cloud.API
}

// All returns every source in the order of the documentation.
func All() []Source {
	return []Source{endpointAlerts(), graphAlerts()}
}

// Lookup returns the source with that key.
func Lookup(key string) (Source, bool) {
	all := All()
	i := slices.IndexFunc(all, func(s Source) bool { return s.Key == key })
	if i < 0 {
		return Source{}, false
	}
	return all[i], true
}

// Keys lists the keys of all sources.
func Keys() []string {
	var keys []string
	for _, s := range All() {
		keys = append(keys, s.Key)
	}
	return keys
}

// Query is what one request asks for.
type Query struct {
	From, To  odata.Instant // closed interval of the update time
	Top, Skip int
	Filter    string // and-ed to the interval, may be empty
	// Plain leaves $expand out.
	Plain bool
}

// URL returns the address of a query at an endpoint without a slash at its end.
func (s Source) URL(endpoint string, q Query) string {
	filter := s.UpdateTime + " ge " + q.From.String() + " and " + s.UpdateTime + " le " + q.To.String()
	if q.Filter != "" {
		filter += " and (" + q.Filter + ")"
	}
	var b strings.Builder
	b.WriteString(endpoint + s.Path + "?$filter=" + escape(filter) + "&$top=" + strconv.Itoa(q.Top))
	if q.Skip > 0 {
		b.WriteString("&$skip=" + strconv.Itoa(q.Skip))
	}
	if s.Expand != "" && !q.Plain {
		b.WriteString("&$expand=" + escape(s.Expand))
	}
	return b.String()
}

// One returns the address of a single record. The list's $expand is in it by itself where a source has one.
func (s Source) One(endpoint, id string) string { return endpoint + s.Path + "/" + url.PathEscape(id) }

// escape writes a space as %20: every server reads that, not every one reads a plus sign.
func escape(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

func perMinute(n int) quota.Limit { return quota.Limit{Requests: n, Window: time.Minute} }
func perHour(n int) quota.Limit   { return quota.Limit{Requests: n, Window: time.Hour} }
