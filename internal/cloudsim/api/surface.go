package api

import (
	"net/url"
	"slices"
	"strings"

	"github.com/otelcol-defender/otelcol-defender/internal/cloud"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/odata"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// API is one of Microsoft's APIs; quotas and permissions are per API.
type API string

// The APIs.
const (
	Endpoint API = "endpoint"
	Graph    API = "graph"
	XDR      API = "xdr"
	SIEM     API = "siem"
)

// APIs lists them all.
func APIs() []API { return []API{Endpoint, Graph, XDR, SIEM} }

// surface is what distinguishes one list of one API from another.
type surface struct {
	api        API
	source     world.Source
	path       string
	context    string
	properties odata.Properties
	// id, updated and tenant are the names of those members.
	id, updated, tenant string
	parameters          []string
	expandable          string
	// oneIsWhole is set where a single record has without $expand what a list has only with it.
	oneIsWhole bool
	// elements is the list of what is expandable of one record, at an address of its own.
	elements           *surface
	maxTop, defaultTop int
	audiences          []string
	// roles are the permissions of which one suffices; none are looked at if empty.
	roles  []string
	refuse func(s *Server, e *exchange, status int, code, message string)
	// waitInText is set where a 429 says in its text how long to wait, not in a header.
	waitInText bool
	// array is set where the answer is a bare array, and ask reads a query that is not OData's.
	array bool
	ask   func(s *Server, values url.Values, q *question) error
}

// audiences are the token resources of an API in all clouds.
func audiences(of func(cloud.Cloud) cloud.API) []string {
	var all []string
	for _, name := range cloud.Names() {
		row, _ := cloud.Lookup(name)
		if api := of(row); api.Offered() {
			all = append(all, strings.TrimSuffix(api.Scope, "/.default"))
		}
	}
	return all
}

func (s *surface) accepts(audience string) bool {
	return slices.Contains(s.audiences, strings.TrimSuffix(audience, "/"))
}

func (s *surface) allows(roles []string) bool {
	return len(s.roles) == 0 || slices.ContainsFunc(roles, func(role string) bool { return slices.Contains(s.roles, role) })
}
