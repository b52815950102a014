package api

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/entra"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	contoso  = "72f988bf-86f1-41af-91ab-2d7cd011db47"
	fabrikam = "0a7110e8-3f05-4a2e-8b6f-3d6b6d1c2f11"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// tokens knows a few tokens by name.
type tokens map[string]entra.Claims

func (t tokens) Authenticate(header string) (entra.Claims, error) {
	claims, ok := t[strings.TrimPrefix(header, "Bearer ")]
	if !ok {
		return claims, errors.New("unknown token")
	}
	return claims, nil
}

const (
	endpointAudience = "https://api.securitycenter.microsoft.com"
	graphAudience    = "https://graph.microsoft.com"
)

func someTokens() tokens {
	endpoint, graph := []string{"Alert.Read.All"}, []string{"SecurityAlert.Read.All"}
	return tokens{
		"endpoint":  {TenantID: contoso, Audience: endpointAudience, AppID: "a", Roles: endpoint},
		"graph":     {TenantID: contoso, Audience: graphAudience, AppID: "a", Roles: graph},
		"slash":     {TenantID: contoso, Audience: endpointAudience + "/", AppID: "a", Roles: endpoint},
		"guid":      {TenantID: contoso, Audience: "fc780465-2017-40d4-a0c5-307022471b92", AppID: "a", Roles: endpoint},
		"gcc":       {TenantID: contoso, Audience: "https://api-gcc.securitycenter.microsoft.us", AppID: "a", Roles: endpoint},
		"powerless": {TenantID: contoso, Audience: endpointAudience, AppID: "a"},
		"fabrikam":  {TenantID: fabrikam, Audience: endpointAudience, AppID: "a", Roles: endpoint},
		"incidents": {TenantID: contoso, Audience: graphAudience, AppID: "a", Roles: []string{"SecurityIncident.Read.All"}},
		"xdr":       {TenantID: contoso, Audience: "https://api.security.microsoft.com", AppID: "a", Roles: []string{"Incident.Read.All"}},
		"siem":      {TenantID: contoso, Audience: "https://graph.windows.net", AppID: "a"},
		"other app": {TenantID: contoso, Audience: endpointAudience, AppID: "b", Roles: endpoint},
	}
}

// bench is a server with a hand-moved clock.
type bench struct {
	t      *testing.T
	world  *world.World
	api    *Server
	url    string
	client *http.Client

	mu  sync.Mutex
	now time.Time
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, now: noon}
	b.world = world.New(1, b.clock)
	b.world.AddTenant(contoso, "contoso")
	b.world.AddTenant(fabrikam, "fabrikam")
	b.api = New(b.world, someTokens())
	mux := http.NewServeMux()
	mux.Handle("/api/", b.api.Handler(Endpoint))
	mux.Handle("/api/incidents", b.api.Handler(XDR))
	mux.Handle("/api/incidents/", b.api.Handler(XDR))
	mux.Handle("/siem/", http.StripPrefix("/siem", b.api.Handler(SIEM)))
	mux.Handle("/v1.0/", b.api.Handler(Graph))
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	b.url, b.client = srv.URL, srv.Client()
	return b
}

func (b *bench) clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (b *bench) advance(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	text   string
	err    error

	Context  string            `json:"@odata.context"`
	Count    *int              `json:"@odata.count"`
	NextLink string            `json:"@odata.nextLink"`
	Value    []json.RawMessage `json:"value"`
	Error    struct {
		Code, Message, Target string
		InnerError            map[string]string
	}
}

func (a *answer) ids() []string {
	var ids []string
	for _, raw := range a.Value {
		var record struct{ ID string }
		_ = json.Unmarshal(raw, &record)
		ids = append(ids, record.ID)
	}
	return ids
}

// get asks with a token; query values follow each other as name, value.
func (b *bench) get(token, path string, query ...string) *answer {
	b.t.Helper()
	values := url.Values{}
	for i := 0; i < len(query); i += 2 {
		values.Add(query[i], query[i+1])
	}
	if encoded := values.Encode(); encoded != "" {
		path += "?" + encoded
	}
	return b.follow(token, b.url+path)
}

func (b *bench) follow(token, address string, header ...string) *answer {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, address, nil)
	require.NoError(b.t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := b.client.Do(req)
	if err != nil {
		return &answer{err: err}
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	a := &answer{status: res.StatusCode, header: res.Header, text: string(text), err: err}
	_ = json.Unmarshal(text, a)
	return a
}

const (
	alerts   = "/api/alerts"
	alertsV2 = "/v1.0/security/alerts_v2"
)

func TestListsNewestFirst(t *testing.T) {
	b := newBench(t)
	for i := range 5 {
		b.world.Put(contoso, world.Alert{ID: strconv.Itoa(i), Updated: noon.Add(time.Duration(i) * world.Tick)})
	}
	b.advance(time.Second)
	got := b.get("endpoint", alerts)
	assert.Equal(t, 200, got.status)
	assert.Equal(t, []string{"4", "3", "2", "1", "0"}, got.ids())
	assert.Equal(t, b.url+"/api/$metadata#Alerts", got.Context)
	assert.Empty(t, got.NextLink)
	assert.Nil(t, got.Count)
	assert.Equal(t, []string{"3", "2"}, b.get("endpoint", alerts, "$top", "2", "$skip", "1").ids())
	assert.Equal(t, []string{"2", "1"}, b.get("endpoint", alerts,
		"$filter", "lastUpdateTime ge 2026-11-22T12:00:00.0000001Z and lastUpdateTime lt 2026-11-22T12:00:00.0000003Z").ids())
	assert.Equal(t, []string{"4", "3", "2", "1", "0"}, b.get("graph", alertsV2).ids())
	assert.Equal(t, []string{"0"}, b.get("graph", alertsV2, "$filter", "lastUpdateDateTime le 2026-11-22T12:00:00Z").ids())
	assert.Empty(t, b.get("fabrikam", alerts).ids(), "another tenant sees nothing")
	assert.Contains(t, b.get("fabrikam", alerts).text, `"value":[]`)
}

func TestFiltersOnEveryDocumentedProperty(t *testing.T) {
	b := newBench(t)
	b.world.Put(contoso, world.Alert{ID: "a", Created: noon.Add(-time.Hour), Updated: noon, Revision: 4, Severity: "High"})
	for _, filter := range []string{
		"alertCreationTime eq 2026-11-22T11:00:00Z", "lastUpdateTime eq 2026-11-22T12:00:00.0000000Z", "incidentId gt 0",
		"InvestigationId gt 0", "id eq 'a'", "assignedTo ne null", "detectionSource ne 'x'", "lastEventTime lt 2026-11-22T12:00:00Z",
		"status eq 'resolved'", "severity eq 'High'", "category ne null",
	} {
		assert.Equal(t, []string{"a"}, b.get("endpoint", alerts, "$filter", filter).ids(), filter)
	}
	for _, filter := range []string{
		"assignedTo ne null", "classification ne null", "determination ne null", "createdDateTime eq 2026-11-22T11:00:00Z",
		"lastUpdateDateTime ge 2026-11-22T12:00:00Z", "severity eq 'high'", "serviceSource ne null", "status eq 'resolved'",
	} {
		assert.Equal(t, []string{"a"}, b.get("graph", alertsV2, "$filter", filter).ids(), filter)
	}
}

func TestRefusesWhatIsNotDocumented(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct{ token, path, name, value string }{
		{"endpoint", alerts, "$filter", "title eq 'x'"},
		{"endpoint", alerts, "$filter", "lastUpdateTime ge 2026-11-22T12:00:00.12345678Z"},
		{"endpoint", alerts, "$top", "10001"},
		{"endpoint", alerts, "$top", "-1"},
		{"endpoint", alerts, "$skip", "x"},
		{"endpoint", alerts, "$orderby", "lastUpdateTime"},
		{"endpoint", alerts, "$select", "id"},
		{"endpoint", alerts, "$count", "true"},
		{"endpoint", alerts, "$expand", "machine"},
		{"endpoint", alerts, "$skiptoken", "x"},
		{"graph", alertsV2, "$filter", "id eq 'x'"},
		{"graph", alertsV2, "$filter", "severity gt 'low'"},
		{"graph", alertsV2, "$top", "2001"},
		{"graph", alertsV2, "$orderby", "lastUpdateDateTime"},
		{"graph", alertsV2, "$expand", "evidence"},
		{"graph", alertsV2, "$skiptoken", "x"},
	} {
		got := b.get(c.token, c.path, c.name, c.value)
		assert.Equal(t, 400, got.status, c)
		assert.NotEmpty(t, got.Error.Code, c)
		assert.NotEmpty(t, got.Error.Message, c)
	}
	got := b.get("endpoint", alerts, "$top", "1", "$top", "2")
	assert.Equal(t, 400, got.status)
	assert.Equal(t, "ODataError", got.Error.Code)
	assert.NotEmpty(t, got.Error.Target)
	assert.Equal(t, 200, b.get("endpoint", alerts, "other", "x").status, "only names with a dollar are options")
	defer b.api.Inject(Rule{Faults: []Fault{Lenient()}})()
	assert.Equal(t, 200, b.get("endpoint", alerts, "$orderby", "lastUpdateTime").status)
}

func TestTokensAndRoles(t *testing.T) {
	b := newBench(t)
	for token, want := range map[string]int{
		"endpoint": 200, "slash": 200, "guid": 200, "gcc": 200, "other app": 200, "powerless": 403, "graph": 401, "unknown": 401,
	} {
		got := b.get(token, alerts)
		assert.Equal(t, want, got.status, token)
		if want != 200 {
			assert.Equal(t, map[int]string{401: "Unauthorized", 403: "Forbidden"}[want], got.Error.Code)
		}
	}
	got := b.get("endpoint", alertsV2)
	assert.Equal(t, 401, got.status)
	assert.Equal(t, "InvalidAuthenticationToken", got.Error.Code)
	assert.NotEmpty(t, got.Error.InnerError["request-id"])
	assert.NotEmpty(t, got.header.Get("WWW-Authenticate"))
	assert.Equal(t, 404, b.get("endpoint", "/api/machines").status)
	res, err := b.client.Post(b.url+alerts, "application/json", nil)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	assert.Equal(t, 405, res.StatusCode)
}

func TestEvidenceAndSingleAlert(t *testing.T) {
	b := newBench(t)
	id := b.world.Put(contoso, world.Alert{})[0]
	assert.Contains(t, b.get("endpoint", alerts).text, `"evidence":[]`)
	expanded := b.get("endpoint", alerts, "$expand", "evidence")
	v, _ := b.world.Get(contoso, world.EndpointAlerts, id)
	assert.JSONEq(t, string(v.JSON()), string(expanded.Value[0]))
	assert.Equal(t, string(v.JSON()), b.get("endpoint", alerts+"/"+id).text)
	assert.Equal(t, 404, b.get("endpoint", alerts+"/none").status)
	assert.Equal(t, "ResourceNotFound", b.get("graph", alertsV2+"/none").Error.Code)
	assert.Equal(t, 3, v.Served())
}

func TestPreferShowsUnknownMembers(t *testing.T) {
	b := newBench(t)
	b.world.Generate(contoso, 100, noon.Add(-time.Hour), noon)
	assert.Contains(t, b.get("graph", alertsV2).text, "unknownFutureValue")
	got := b.follow("graph", b.url+alertsV2, "Prefer", "include-unknown-enum-members")
	assert.NotContains(t, got.text, "unknownFutureValue")
	assert.Contains(t, got.text, "microsoftSentinel")
}

// walk follows the links to the end.
func (b *bench) walk(token, path string, query ...string) (ids []string, pages int) {
	got := b.get(token, path, query...)
	for pages = 1; ; pages++ {
		require.Equal(b.t, 200, got.status, got.text)
		ids = append(ids, got.ids()...)
		if got.NextLink == "" {
			return ids, pages
		}
		require.Less(b.t, pages, 50)
		got = b.follow(token, got.NextLink)
	}
}

func TestPaging(t *testing.T) {
	b := newBench(t)
	all := b.world.Generate(contoso, 250, noon.Add(-time.Hour), noon)
	check := func(wantPages, wantIDs int, token, path string, query ...string) {
		t.Helper()
		ids, pages := b.walk(token, path, query...)
		assert.Equal(t, wantPages, pages)
		assert.Len(t, ids, wantIDs)
		assert.Subset(t, all, ids)
		seen := map[string]bool{}
		for _, id := range ids {
			assert.False(t, seen[id])
			seen[id] = true
		}
	}
	check(1, 250, "endpoint", alerts)
	check(1, 100, "endpoint", alerts, "$top", "100")
	check(1, 0, "endpoint", alerts, "$top", "0")
	check(3, 250, "graph", alertsV2)
	check(1, 100, "graph", alertsV2, "$top", "100")

	remove := b.api.Inject(Rule{Faults: []Fault{ServerPages(60)}})
	check(5, 250, "endpoint", alerts)
	check(2, 100, "endpoint", alerts, "$top", "100")
	check(1, 60, "endpoint", alerts, "$top", "60")
	check(3, 170, "endpoint", alerts, "$skip", "80")
	check(5, 250, "graph", alertsV2)
	remove()

	b.api.Inject(Rule{Faults: []Fault{NextLinks()}})
	check(3, 250, "graph", alertsV2, "$top", "100")
	check(3, 250, "endpoint", alerts, "$top", "100")
	assert.Contains(t, b.get("graph", alertsV2, "$top", "100").NextLink, "skiptoken")
}

func TestCount(t *testing.T) {
	b := newBench(t)
	b.world.Generate(contoso, 30, noon.Add(-time.Hour), noon)
	got := b.get("graph", alertsV2, "$count", "true", "$top", "10", "$filter", "lastUpdateDateTime ge 2026-11-22T11:30:00Z")
	require.NotNil(t, got.Count)
	assert.Equal(t, 15, *got.Count)
	assert.Len(t, got.Value, 10)
}

func TestQuotaIsASlidingWindowPerAppTenantAndAPI(t *testing.T) {
	b := newBench(t)
	b.api.SetQuota(Endpoint, Quota{PerMinute: 3, PerHour: 5})
	status := func(token string) int { return b.get(token, alerts, "$top", "1").status }
	for range 3 {
		assert.Equal(t, 200, status("endpoint"))
		b.advance(10 * time.Second)
	}
	got := b.get("endpoint", alerts)
	assert.Equal(t, 429, got.status)
	assert.Equal(t, "TooManyRequests", got.Error.Code)
	assert.Equal(t, "30", got.header.Get("Retry-After"))
	assert.Equal(t, 200, status("fabrikam"))
	assert.Equal(t, 200, status("other app"))
	assert.Equal(t, 200, b.get("graph", alertsV2).status)
	assert.Equal(t, 1, b.api.Violations(contoso, Endpoint))
	assert.Zero(t, b.api.Violations(contoso, Graph))

	b.advance(30*time.Second - 1)
	assert.Equal(t, 429, status("endpoint"))
	b.advance(1)
	assert.Equal(t, 200, status("endpoint"))
	assert.Equal(t, 429, status("endpoint"), "the window slides, it does not reset")
	b.advance(2 * time.Minute)
	assert.Equal(t, 200, status("endpoint"))
	b.advance(2 * time.Minute)
	assert.Equal(t, 429, status("endpoint"), "five in an hour")
	b.advance(time.Hour)
	assert.Equal(t, 200, status("endpoint"))
	assert.Equal(t, 4, b.api.Violations("", Endpoint))
}

func TestDocumentedQuotas(t *testing.T) {
	q := newQuotas()
	admitted := func(api API, spacing time.Duration) int {
		n, app := 0, string(api)+spacing.String()
		for at := time.Duration(0); at < time.Hour; at += spacing {
			if q.admit(app, contoso, api, noon.Add(at)) == 0 {
				n++
			}
		}
		return n
	}
	assert.Equal(t, 1500, admitted(Endpoint, time.Second))
	assert.Equal(t, 150*60, admitted(Graph, 100*time.Millisecond))
	assert.Equal(t, 1500, admitted(XDR, time.Second))
	assert.Equal(t, 36_000, admitted(SIEM, 100*time.Millisecond), "none is documented")
}

func TestRequestLog(t *testing.T) {
	b := newBench(t)
	b.world.Put(contoso, world.Alert{ID: "a"})
	b.get("endpoint", alerts, "$top", "7")
	b.get("unknown", alerts)
	b.get("fabrikam", alerts)
	b.api.Inject(Rule{Times: 1, Faults: []Fault{Status(503)}})
	b.get("endpoint", alerts)
	log := b.api.Requests(contoso, Endpoint)
	require.Len(t, log, 2)
	assert.Equal(t, "/api/alerts?%24top=7", log[0].URL)
	assert.Equal(t, 200, log[0].Status)
	assert.Equal(t, 1, log[0].Records)
	assert.Equal(t, noon, log[0].Started)
	assert.NotZero(t, log[0].Bytes)
	assert.Equal(t, "Go-http-client/1.1", log[0].UserAgent)
	assert.Empty(t, log[0].Prefer)
	assert.Equal(t, 503, log[1].Status)
	assert.Equal(t, []string{"status 503"}, log[1].Faults)
	assert.Len(t, b.api.Requests("", Endpoint), 4)
	assert.Empty(t, b.api.Requests("", Graph))
}

func BenchmarkPageOfTenThousand(b *testing.B) {
	w := world.New(1, time.Now)
	w.AddTenant(contoso, "contoso")
	w.Generate(contoso, 40_000, time.Now().Add(-24*time.Hour), time.Now())
	s := New(w, someTokens())
	s.SetQuota(Endpoint, Quota{})
	h := s.Handler(Endpoint)
	for b.Loop() {
		req := httptest.NewRequest(http.MethodGet, alerts+"?$top=10000&$expand=evidence", nil)
		req.Header.Set("Authorization", "Bearer endpoint")
		res := &discard{header: http.Header{}}
		h.ServeHTTP(res, req)
		b.SetBytes(res.n)
	}
}

type discard struct {
	header http.Header
	n      int64
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(int)             {}
func (d *discard) Write(b []byte) (int, error) { d.n += int64(len(b)); return len(b), nil }
