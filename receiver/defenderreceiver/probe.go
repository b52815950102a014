package defenderreceiver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/receiver"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/api"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/poll"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/record"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/source"
)

// Ask is what a source asks of a tenant.
type Ask struct {
	// Source is its key, such as graph_alerts.
	Source string
	// NotOffered says in one sentence why the source is not polled for the tenant; empty where it is.
	NotOffered string
	// Endpoint is where the API answers, and Scope what the token is asked for.
	Endpoint, Scope string
	// Roles are the permissions of which the token must hold one; none are checked if empty.
	Roles []string
	// Limits are the documented quotas of the application in the tenant.
	Limits []Limit
}

// Limit is a quota: at most Requests in any Window.
type Limit struct {
	Requests int
	Window   time.Duration
}

// Asks lists what the configured sources ask of a tenant, in the order of the documentation. Nothing is sent.
func (cfg *Config) Asks(tenant entraauth.Tenant) []Ask {
	var asks []Ask
	for _, s := range source.All() {
		if _, configured := cfg.Sources[s.Key]; configured {
			asks = append(asks, newAsk(cfg.feed(s), tenant))
		}
	}
	return asks
}

func (cfg *Config) feed(s source.Source) feed {
	own := cfg.Sources[s.Key]
	if own == nil {
		own = &SourceConfig{}
	}
	return newFeed(cfg, own, s)
}

func newAsk(f feed, tenant entraauth.Tenant) Ask {
	s := f.settings.Source
	ask := Ask{Source: s.Key, Roles: s.Roles}
	for _, l := range s.Limits {
		ask.Limits = append(ask.Limits, Limit(l))
	}
	target, err := s.Target(tenant.Cloud, f.override)
	if err != nil {
		ask.NotOffered = err.Error()
		return ask
	}
	ask.Endpoint, ask.Scope = target.Endpoint, target.Scope
	return ask
}

// Prober asks the APIs as the receiver does, one request at a time: for a command that looks at tenants from outside.
// Safe for concurrent use.
type Prober struct {
	cfg    *Config
	set    receiver.Settings
	client *http.Client
}

// NewProber returns a prober whose tokens come from the extension that the configuration names.
func NewProber(ctx context.Context, cfg *Config, set receiver.Settings, host component.Host) (*Prober, error) {
	client, err := cfg.HTTP.ToClient(ctx, host.GetExtensions(), set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("building the HTTP client: %w", err)
	}
	return &Prober{cfg: cfg, set: set, client: client}, nil
}

// Close closes idle connections.
func (p *Prober) Close() { p.client.CloseIdleConnections() }

// Probe is what one request found.
type Probe struct {
	// Reason is why no page could be read, as in the receiver's log and metrics; empty where one was. Code is Entra's,
	// Action says who must do what, and Cause what happened.
	Reason, Code, Action, Cause string
	// Records is how many records the answer held, one at most, and Newest when the one was updated.
	Records int
	Newest  time.Time
	// Answered tells that the API answered at all, and Took how long that was.
	Answered bool
	Took     time.Duration
	// ClockOffset is how far the API's clock is ahead of this machine's, 0 within what cannot be told.
	ClockOffset time.Duration
	// RetryAfter is how long the API asks to wait.
	RetryAfter time.Duration
	// QuotaUsed is the used part of the quota, where the API says so; it then is near 1. Otherwise 0.
	QuotaUsed float64
}

// Probe asks a source of a tenant for one record of the time that a first poll would read.
func (p *Prober) Probe(ctx context.Context, tenant entraauth.Tenant, key string) Probe {
	s, known := source.Lookup(key)
	if !known {
		return explained(fmt.Errorf("%q is no source", key))
	}
	f := p.cfg.feed(s)
	s = f.settings.Source // as it is configured
	target, err := s.Target(tenant.Cloud, f.override)
	if err != nil {
		return explained(err)
	}
	request := &entraauth.Request{TenantID: tenant.ID, Scope: target.Scope, Origin: target.Origin, Roles: s.Roles}
	now := time.Now()
	address := s.URL(target.Endpoint, source.Query{
		From: odata.FromTime(now.Add(-p.cfg.InitialLookback)), To: odata.FromTime(now), Top: 1,
		Filter: f.settings.Filter, Parameters: f.settings.Parameters,
	})
	seen := &witness{next: p.client.Transport}
	var newest time.Time
	read := p.api(seen).Read
	if s.Array {
		read = p.api(seen).Array
	}
	page, err := read(entraauth.NewContext(ctx, request), address, s.Header, func(e odata.Element, _ func(func() error) error) error {
		newest = updated(s, e)
		return nil
	})
	found := Probe{}
	if err != nil {
		found = explained(err)
	}
	found.Records, found.Newest, found.Took = page.Records, newest, time.Since(now)
	seen.report(&found)
	return found
}

// api is the receiver's own client of the APIs, with a witness of the answer.
func (p *Prober) api(seen *witness) *api.Client {
	watched := *p.client
	watched.Transport = seen
	return newClient(p.cfg, p.set, &watched)
}

// updated is when a record was updated, the zero time where that cannot be read.
func updated(s source.Source, e odata.Element) time.Time {
	var rec record.Record
	if e.Oversized || s.Schema.Parse(e.Raw, &rec) != nil {
		return time.Time{}
	}
	return rec.Updated.Time()
}

func explained(err error) Probe {
	x := poll.Explain(err)
	found := Probe{Reason: x.Reason, Action: x.Action, Cause: x.Cause}
	if refused, ok := errors.AsType[*entraauth.Error](err); ok {
		found.Code = refused.Code
	}
	if answer, ok := errors.AsType[*api.Error](err); ok {
		found.RetryAfter = answer.RetryAfter
	}
	return found
}

// witness keeps of one answer what the receiver has no use for.
type witness struct {
	next http.RoundTripper

	answered bool
	offset   time.Duration
	used     float64
}

// RoundTrip passes a request on.
func (w *witness) RoundTrip(req *http.Request) (*http.Response, error) {
	asked := time.Now()
	resp, err := w.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	w.answered = true
	w.offset = clockOffset(resp.Header.Get("Date"), asked, time.Now())
	// Sent from 0.8 on. Source: "Microsoft Graph throttling guidance".
	w.used, _ = strconv.ParseFloat(resp.Header.Get("X-Ms-Throttle-Limit-Percentage"), 64)
	return resp, nil
}

func (w *witness) report(p *Probe) {
	p.Answered, p.ClockOffset, p.QuotaUsed = w.answered, w.offset, w.used
}

// clockResolution is what the header Date leaves open, and a second for those who round otherwise.
const clockResolution = 2 * time.Second

// clockOffset compares the header Date with when the answer was made at the earliest and at the latest.
func clockOffset(date string, asked, answered time.Time) time.Duration {
	server, err := http.ParseTime(date)
	switch {
	case err != nil:
		return 0
	case server.Before(asked.Add(-clockResolution)):
		return server.Sub(asked).Truncate(time.Second)
	case server.After(answered.Add(clockResolution)):
		return server.Sub(answered).Truncate(time.Second)
	default:
		return 0
	}
}
