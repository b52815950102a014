package api

import (
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
)

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
	maxTop, defaultTop  int
	audiences           []string
	roles               []string
	refuse              func(s *Server, e *exchange, status int, code, message string)
}

// endpointAlerts follows "List alerts API" of Defender for Endpoint.
func endpointAlerts() *surface {
	return &surface{
		api: Endpoint, source: world.EndpointAlerts, path: "/api/alerts", context: "/api/$metadata#Alerts",
		properties: odata.Properties{
			"alertCreationTime": odata.Time, "lastUpdateTime": odata.Time, "lastEventTime": odata.Time,
			"incidentId": odata.Int, "InvestigationId": odata.Int,
			"id": odata.String, "assignedTo": odata.String, "detectionSource": odata.String, "category": odata.String,
			"status": odata.Enum, "severity": odata.Enum,
		},
		id: "id", updated: "lastUpdateTime", tenant: "aadTenantId",
		parameters: []string{"$filter", "$top", "$skip", "$expand"}, expandable: "evidence",
		maxTop: 10_000, defaultTop: 10_000,
		audiences: append(audiences(func(c cloud.Cloud) cloud.API { return c.Endpoint }),
			"https://securitycenter.onmicrosoft.com/windowsatpservice", "fc780465-2017-40d4-a0c5-307022471b92"),
		roles:  []string{"Alert.Read.All", "Alert.ReadWrite.All"},
		refuse: (*Server).refuseEndpoint,
	}
}

// graphAlerts follows "List alerts_v2" of Microsoft Graph; its greatest $top is what integrations use without error.
func graphAlerts() *surface {
	return &surface{
		api: Graph, source: world.GraphAlerts, path: "/v1.0/security/alerts_v2", context: "/v1.0/$metadata#security/alerts_v2",
		properties: odata.Properties{
			"createdDateTime": odata.Time, "lastUpdateDateTime": odata.Time, "assignedTo": odata.String,
			"classification": odata.Enum, "determination": odata.Enum, "severity": odata.Enum,
			"serviceSource": odata.Enum, "status": odata.Enum,
		},
		id: "id", updated: "lastUpdateDateTime", tenant: "tenantId",
		parameters: []string{"$filter", "$top", "$skip", "$count", "$skiptoken"},
		maxTop:     2_000, defaultTop: 100,
		audiences: append(audiences(func(c cloud.Cloud) cloud.API { return c.Graph }), "00000003-0000-0000-c000-000000000000"),
		roles:     []string{"SecurityAlert.Read.All", "SecurityAlert.ReadWrite.All"},
		refuse:    (*Server).refuseGraph,
	}
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
	return slices.ContainsFunc(roles, func(role string) bool { return slices.Contains(s.roles, role) })
}
