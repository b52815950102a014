package main

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// standIn is Entra, the API and the receiver of the records for many tenants, in a process of its own so that what it costs
// is not the collector's. Its answers are written before; all it does besides is to count.
type standIn struct {
	feeds   map[string]*feed
	ids     sync.Map // tenant by token
	counter counter
	delays  delays
	latency time.Duration
}

// content says what the stand-in's tenants have.
type content struct {
	tenants int
	alerts  int           // of each tenant
	during  time.Duration // over which they become visible from now on; 0 for before
	latency time.Duration // of every answer
}

// place is what the stand-in prints when it can be asked.
type place struct {
	URL string `json:"url"`
	CA  string `json:"ca"`
}

// standInMain serves until its input ends.
func standInMain(ctx context.Context, o options) error {
	s, err := newStandIn(o.content)
	if err != nil {
		return err
	}
	server := httptest.NewUnstartedServer(s)
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	ca := filepath.Join(o.dir, "stand-in.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, certificate, 0o600); err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(place{server.URL, ca}); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
	}
	return nil
}

func newStandIn(c content) (*standIn, error) {
	s := &standIn{feeds: map[string]*feed{}, latency: c.latency}
	if c.alerts == 0 {
		return s, nil
	}
	now := time.Now()
	from, to := now.Add(-lookback+4*time.Hour), now.Add(-time.Hour)
	if c.during > 0 {
		from, to = now.Add(settling), now.Add(settling+c.during)
	}
	w := world.New(1, time.Now)
	if c.during > 0 { // each tenant at its own times
		for i := range c.tenants {
			s.feeds[tenantID(i)] = newFeed(w, tenantID(i), c.alerts, from, to)
		}
		return s, nil
	}
	first := newFeed(w, tenantID(0), c.alerts, from, to)
	for i := range c.tenants {
		s.feeds[tenantID(i)] = first.of(tenantID(0), tenantID(i))
	}
	return s, nil
}

// ServeHTTP answers the sign-in, the API, the exporter and the benchmark.
func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/api/alerts":
		s.alerts(w, r)
	case r.URL.Path == "/v1/logs":
		s.delays.take(w, r)
	case r.URL.Path == "/stats":
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(s.stats())
	default:
		s.signIn(w, r)
	}
}

func (s *standIn) stats() stats {
	st := s.counter.stats()
	st.Delays = s.delays.all()
	return st
}

func (s *standIn) alerts(w http.ResponseWriter, r *http.Request) {
	id, ok := s.ids.Load(r.Header.Get("Authorization"))
	if !ok {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	tenant, now := id.(string), time.Now()
	s.wait(r)
	var text []byte
	n := 0
	if f := s.feeds[tenant]; f != nil {
		q, err := parseQuestion(r)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if q.to.After(now) {
			q.to = now
		}
		text, n = f.between(q.from, q.to, q.top, q.skip)
	}
	s.counter.polled(tenant, n)
	w.Header().Set("Content-Type", "application/json")
	for _, part := range [][]byte{[]byte(prefix), text, []byte(suffix)} {
		_, _ = w.Write(part)
	}
}

// wait is the way to Microsoft and back.
func (s *standIn) wait(r *http.Request) {
	if s.latency <= 0 {
		return
	}
	timer := time.NewTimer(s.latency)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	}
}

type question struct {
	from, to  time.Time
	top, skip int
}

func parseQuestion(r *http.Request) (q question, err error) {
	parameters := r.URL.Query()
	bounds := interval.FindStringSubmatch(parameters.Get("$filter"))
	if len(bounds) == 0 {
		return q, errors.New("not the receiver's filter")
	}
	var fromErr, toErr, topErr error
	q.from, fromErr = time.Parse(time.RFC3339Nano, bounds[1])
	q.to, toErr = time.Parse(time.RFC3339Nano, bounds[2])
	q.top, topErr = strconv.Atoi(parameters.Get("$top"))
	q.skip, _ = strconv.Atoi(parameters.Get("$skip"))
	return q, errors.Join(fromErr, toErr, topErr)
}

// of is the same feed for another tenant, whose id is as long.
func (f *feed) of(old, id string) *feed {
	other := *f
	other.text = []byte(strings.ReplaceAll(string(f.text), old, id))
	return &other
}

// counter knows when the stand-in was asked.
type counter struct {
	mu       sync.Mutex
	requests []time.Time
	tokens   int // requests of the sign-in
	served   map[string]int
	pages    int
	all      time.Time // when the last of the tenants was polled first
}

func (c *counter) signedIn() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, time.Now())
	c.tokens++
}

func (c *counter) polled(tenant string, records int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	c.requests = append(c.requests, now)
	if c.served == nil {
		c.served = map[string]int{}
	}
	if _, known := c.served[tenant]; !known {
		c.all = now
	}
	c.served[tenant] += records
	c.pages++
}

// stats are what the stand-in tells of itself.
type stats struct {
	Tenants  int     `json:"tenants"` // that have been polled
	Records  int     `json:"records"` // that have been served
	Requests int     `json:"requests"`
	Tokens   int     `json:"tokens"`
	Pages    int     `json:"pages"`
	Start    float64 `json:"start"` // seconds from the first request until each of those tenants had been polled
	// Busiest is the largest number of requests in any second.
	Busiest int `json:"busiest"`
	// Delays are in seconds.
	Delays []float64 `json:"delays"`
}

func (c *counter) stats() stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	st := stats{Tenants: len(c.served), Requests: len(c.requests), Tokens: c.tokens, Pages: c.pages, Busiest: busiest(c.requests)}
	for _, n := range c.served {
		st.Records += n
	}
	if len(c.requests) > 0 && !c.all.IsZero() {
		st.Start = c.all.Sub(c.requests[0]).Seconds()
	}
	return st
}

// busiest is the largest number of times within a second.
func busiest(times []time.Time) (most int) {
	for first, last := 0, 0; last < len(times); last++ {
		for times[last].Sub(times[first]) >= time.Second {
			first++
		}
		most = max(most, last-first+1)
	}
	return most
}

// quantile of values, 0 of none.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[min(len(values)-1, int(q*float64(len(values))))]
}

func (p place) String() string { return fmt.Sprintf("%s (%s)", p.URL, p.CA) }
