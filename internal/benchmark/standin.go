package main

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
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
	server := httptest.NewUnstartedServer(newStandIn(o.content))
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

func newStandIn(c content) *standIn {
	s := &standIn{feeds: map[string]*feed{}, latency: c.latency}
	now := time.Now()
	w := world.New(1, func() time.Time { return now.Add(time.Hour) }) // it hides what is still to come
	switch {
	case c.alerts == 0:
	case c.during > 0: // each tenant at its own times
		for i := range c.tenants {
			s.feeds[tenantID(i)] = newFeed(w, tenantID(i), c.alerts, now.Add(settling), now.Add(settling+c.during))
		}
	default: // writing them takes longer than changing the tenant's name in them
		first := newFeed(w, tenantID(0), c.alerts, now.Add(-lookback+4*time.Hour), now.Add(-time.Hour))
		for i := range c.tenants {
			s.feeds[tenantID(i)] = first.of(tenantID(0), tenantID(i))
		}
	}
	return s
}

// ServeHTTP answers the sign-in, the API, the exporter and the benchmark.
func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/api/alerts":
		s.alerts(w, r)
	case "/v1/logs":
		s.delays.take(w, r)
	case "/stats":
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(s.stats()); err != nil {
			panic(http.ErrAbortHandler)
		}
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
	s.counter.polled(tenant, n, len(text))
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
