// Package source describes Microsoft's feeds of alerts and incidents. A feed is data: where it answers, what it is
// asked, how its records are read. The next feed is one more file here.
package source

import (
	"net/http"
	"net/url"
	"slices"
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
	// Expand is the value of $expand, empty for none, and Expands how it is said in a sentence.
	Expand, Expands string
	// Navigation tells that Expand names a navigation property: a single record has it with $expand alone, and its
	// elements have an address of their own.
	Navigation bool
	// Header goes with every request.
	Header http.Header
	// PageSize is the default of the key page_size, MaxPageSize the most that the API gives.
	PageSize, MaxPageSize int
	// Roles are the permissions of which one suffices, application permissions first; none are checked if empty.
	Roles []string
	// Quota is the name of the budget, shared by the sources of one API, and Limits what it allows.
	Quota  string
	Limits []quota.Limit
	// Regions are the known values of the key region, which is not taken if there are none.
	Regions []string
	// Array tells that the API is not OData: an answer is a bare array of the most recent records of the interval, and
	// there is neither $skip nor nextLink. Ask then writes the parameters of a request.
	Array bool
	Ask   func(Query) string
	// Before is how many ticks before the interval an answer may begin, where Ask asks for more than the interval.
	Before odata.Instant
	// Successor is the source to use instead of one whose API Microsoft has deprecated.
	Successor string
	// Schema reads the records.
	Schema *record.Schema
	// API picks the source's row from a cloud.
	API func(cloud.Cloud) cloud.API
}

// All returns every source in the order of the documentation.
func All() []Source {
	return []Source{endpointAlerts(), graphAlerts(), graphIncidents(), xdrIncidents(), siemAlerts()}
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
	// Parameters go with every request of an API that is not OData.
	Parameters url.Values
	// Plain leaves $expand out.
	Plain bool
}

func perMinute(n int) quota.Limit { return quota.Limit{Requests: n, Window: time.Minute} }
func perHour(n int) quota.Limit   { return quota.Limit{Requests: n, Window: time.Hour} }
