package api

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// with asks the endpoint API once with the faults in force.
func (b *bench) with(faults ...Fault) *answer {
	b.t.Helper()
	defer b.api.Inject(Rule{Faults: faults})()
	return b.get("endpoint", alerts, "$top", "100")
}

func benchWithAlerts(t *testing.T, n int) *bench {
	b := newBench(t)
	b.world.Generate(contoso, n, noon.Add(-time.Hour), noon)
	return b
}

func (b *bench) served() int { return len(b.world.Served(contoso, world.EndpointAlerts)) }

func TestWholeAnswers(t *testing.T) {
	b := benchWithAlerts(t, 3)
	for _, c := range []struct {
		fault  Fault
		status int
		part   string
	}{
		{Status(500), 500, `"InternalServerError"`},
		{Status(504), 504, `"GatewayTimeout"`},
		{Refusal(403, "DisabledFeature", "The feature is off."), 403, `"DisabledFeature"`},
		{HTML(), 200, "<html>"},
		{Body("not json"), 200, "not json"},
		{NullValue(), 200, `"value":null`},
		{NoValue(), 200, `$metadata#Alerts"}`},
	} {
		got := b.with(c.fault)
		assert.Equal(t, c.status, got.status, c.fault.Name)
		assert.Contains(t, got.text, c.part)
		assert.Nil(t, got.Value)
	}
	assert.Zero(t, b.served(), "what was not shown does not count")
}

func TestThrottledWithEveryKindOfRetryAfter(t *testing.T) {
	b := newBench(t)
	for _, after := range []string{"17", "Sun, 22 Nov 2026 12:01:00 GMT", ""} {
		got := b.with(Throttled(after))
		assert.Equal(t, 429, got.status)
		assert.Equal(t, after, got.header.Get("Retry-After"))
	}
	assert.Zero(t, b.api.Violations("", Endpoint), "a fault is not a violation")
}

func TestTruncatedIsAProperAnswerWithHalfARecord(t *testing.T) {
	b := benchWithAlerts(t, 3)
	got := b.with(Truncated())
	require.NoError(t, got.err)
	assert.Equal(t, 200, got.status)
	assert.False(t, json.Valid([]byte(got.text)))
	assert.Equal(t, 2, strings.Count(got.text, `"domains":[]`), "two whole records")
	assert.Equal(t, 3, strings.Count(got.text, `{"id":`))
	assert.Zero(t, b.served())
}

func TestConnectionsBreak(t *testing.T) {
	b := benchWithAlerts(t, 3)
	got := b.with(BrokenOff())
	require.ErrorIs(t, got.err, io.ErrUnexpectedEOF)
	assert.Equal(t, 3, strings.Count(got.text, `{"id":`))
	require.Error(t, b.with(Reset()).err)
	require.Eventually(t, func() bool { return len(b.api.Requests(contoso, Endpoint)) == 2 }, 5*time.Second, time.Millisecond)
	assert.Zero(t, b.served())
}

func TestHangEndsWhenTheClientLeaves(t *testing.T) {
	b := newBench(t)
	b.api.Inject(Rule{Faults: []Fault{Hang()}})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+alerts, nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer endpoint")
	_, err = b.client.Do(req)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Eventually(t, func() bool { return len(b.api.Requests(contoso, Endpoint)) == 1 }, 5*time.Second, time.Millisecond)
	assert.Zero(t, b.api.Requests(contoso, Endpoint)[0].Status)
}

func TestHugeStreamsUntilTheClientLeaves(t *testing.T) {
	b := newBench(t)
	got := b.with(Huge(3<<20, 1<<20))
	assert.Len(t, got.Value, 3)
	assert.Greater(t, len(got.text), 3<<20)

	b.api.Inject(Rule{Faults: []Fault{Huge(1<<50, 1<<20)}})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.url+alerts, nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer endpoint")
	res, err := b.client.Do(req)
	require.NoError(t, err)
	n, err := io.CopyN(io.Discard, res.Body, 8<<20)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	assert.EqualValues(t, 8<<20, n)
	require.Eventually(t, func() bool { return len(b.api.Requests(contoso, Endpoint)) == 2 }, 10*time.Second, time.Millisecond)
}

func TestBadRecordsAreSpreadAmongTheGood(t *testing.T) {
	b := benchWithAlerts(t, 20)
	got := b.with(WithBadRecords(NotAnObject, NoID, NoUpdateTime, UnreadableUpdate, OtherTenant))
	require.Len(t, got.Value, 25)
	assert.Equal(t, 20, b.served())
	assert.NotEqual(t, `"`, string(got.Value[0][:1]), "not all at the beginning")
	assert.Contains(t, got.text, ForeignTenant)
	assert.Contains(t, got.text, `"yesterday"`)
	without := func(member string) int {
		return len(slices.DeleteFunc(slices.Clone(got.Value), func(raw json.RawMessage) bool {
			var record map[string]any
			return json.Unmarshal(raw, &record) != nil || record[member] != nil
		}))
	}
	assert.Equal(t, 1, without("id"))
	assert.Equal(t, 1, without("lastUpdateTime"))

	deep := b.with(WithBadRecords(DeeplyNested))
	assert.Contains(t, deep.text, strings.Repeat("[", nesting))
	assert.Len(t, b.with(Insert(`{"id":"x"}`)).Value, 21)
	for _, kind := range BadRecords() {
		assert.NotEmpty(t, b.with(WithBadRecords(kind)).text, kind)
	}
}

func TestBadRecordsSpeakTheAPIsLanguage(t *testing.T) {
	b := newBench(t)
	b.api.Inject(Rule{Faults: []Fault{WithBadRecords(OtherTenant)}})
	assert.Contains(t, b.get("graph", alertsV2).text, `"tenantId":"`+ForeignTenant)
}

func TestOrders(t *testing.T) {
	b := benchWithAlerts(t, 30)
	newest := b.get("endpoint", alerts).ids()
	oldest := slices.Clone(newest)
	slices.Reverse(oldest)
	assert.Equal(t, oldest, b.with(OldestFirst()).ids())
	shuffled := b.with(Shuffled(7)).ids()
	assert.Equal(t, shuffled, b.with(Shuffled(7)).ids())
	assert.NotEqual(t, newest, shuffled)
	assert.ElementsMatch(t, newest, shuffled)
	defer b.api.Inject(Rule{Faults: []Fault{OldestFirst()}})()
	assert.Equal(t, oldest[:3], b.get("endpoint", alerts, "$top", "3").ids())
}

func TestIgnoredFilter(t *testing.T) {
	b := benchWithAlerts(t, 5)
	defer b.api.Inject(Rule{Faults: []Fault{IgnoreFilter()}})()
	assert.Len(t, b.get("endpoint", alerts, "$filter", "lastUpdateTime lt 2000-01-01T00:00:00Z").ids(), 5)
	assert.Equal(t, 400, b.get("endpoint", alerts, "$filter", "nonsense").status)
}

func TestLinksAndRedirectsElsewhere(t *testing.T) {
	b := benchWithAlerts(t, 1)
	assert.Equal(t, "https://elsewhere.example/x", b.with(ForeignNextLink("https://elsewhere.example/x")).NextLink)
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	got := b.with(Redirect("https://elsewhere.example/y"))
	assert.Equal(t, 307, got.status)
	assert.Equal(t, "https://elsewhere.example/y", got.header.Get("Location"))
}

func TestHowAnswersTravel(t *testing.T) {
	b := benchWithAlerts(t, 3)
	plain := b.with()
	assert.Equal(t, contentType, plain.header.Get("Content-Type"))
	assert.Equal(t, "text/plain", b.with(ContentType("text/plain")).header.Get("Content-Type"))
	assert.Equal(t, plain.text, b.with(Drip(1000, time.Microsecond)).text)
	assert.Equal(t, plain.text, b.with(Drip(1000, time.Microsecond), Gzip()).text, "the client unpacks it")
	assert.Equal(t, plain.text, b.with(Delay(time.Millisecond)).text)

	defer b.api.Inject(Rule{Faults: []Fault{Gzip()}})()
	packed := b.follow("endpoint", b.url+alerts, "Accept-Encoding", "gzip")
	assert.Equal(t, "gzip", packed.header.Get("Content-Encoding"))
	assert.Less(t, len(packed.text), len(plain.text)/2)
	assert.Equal(t, plain.text, b.follow("endpoint", b.url+alerts, "Accept-Encoding", "identity").text)
}

func TestRules(t *testing.T) {
	b := newBench(t)
	status := func(token, path string) int { return b.get(token, path).status }
	b.api.Inject(Rule{Tenant: contoso, API: Endpoint, Times: 2, Faults: []Fault{Status(503)}})
	assert.Equal(t, 200, status("fabrikam", alerts))
	assert.Equal(t, 200, status("graph", alertsV2))
	assert.Equal(t, 503, status("endpoint", alerts))
	assert.Equal(t, 503, status("endpoint", alerts))
	assert.Equal(t, 200, status("endpoint", alerts), "twice only")

	remove := b.api.Inject(Rule{Faults: []Fault{Status(500)}})
	assert.Equal(t, 500, status("graph", alertsV2))
	remove()
	assert.Equal(t, 200, status("graph", alertsV2))

	b.api.Inject(Rule{Tenant: contoso, Faults: []Fault{Status(500)}})
	b.api.Inject(Rule{Tenant: fabrikam, Faults: []Fault{Status(500)}})
	b.api.Heal()
	assert.Equal(t, 200, status("endpoint", alerts))

	b.api.SetQuota(Endpoint, Quota{})
	b.api.Inject(Rule{Probability: 0.5, Faults: []Fault{Status(500)}})
	failed := 0
	for range 200 {
		if status("endpoint", alerts) == 500 {
			failed++
		}
	}
	assert.InDelta(t, 100, failed, 40)
}

// FuzzAsk checks that no query makes the server fail otherwise than with 400.
func FuzzAsk(f *testing.F) {
	f.Add("$top=10&$skip=5&$filter=lastUpdateTime+ge+2026-11-22T10:00:00Z")
	f.Add("%24skiptoken=c2tpcDo1&$count=true")
	f.Add("$filter=%zz;&&==")
	w := world.New(1, func() time.Time { return noon })
	w.AddTenant(contoso, "contoso")
	w.Generate(contoso, 3, noon.Add(-time.Hour), noon)
	s := New(w, someTokens())
	for _, api := range APIs() {
		s.SetQuota(api, Quota{})
	}
	w.Put(contoso, world.Alert{Incident: 1})
	f.Add("sinceTimeUtc=2026-11-22T10:00:00Z&untilTimeUtc=2026-11-22T11:00:00&limit=5&ago=PT1H&machinegroups=a&machinegroups=b")
	f.Fuzz(func(t *testing.T, query string) {
		for _, of := range []struct {
			token string
			api   API
			path  string
		}{
			{"endpoint", Endpoint, alerts},
			{"graph", Graph, alertsV2},
			{"incidents", Graph, incidents},
			{"incidents", Graph, incidents + "/1/alerts"},
			{"xdr", XDR, xdrList},
			{"siem", SIEM, detections},
		} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, of.path, nil)
			require.NoError(t, err)
			req.URL.RawQuery = query
			req.Header.Set("Authorization", "Bearer "+of.token)
			res := &discard{header: http.Header{}}
			s.Handler(of.api).ServeHTTP(res, req)
			log := s.Requests("", of.api)
			assert.Contains(t, []int{200, 400}, log[len(log)-1].Status)
		}
		s.log.requests = nil
	})
}
