package api

import (
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// Request is one request that was answered, or given up by the client.
type Request struct {
	// Started is by the world's clock.
	Started time.Time
	// Tenant is empty where the token was refused.
	Tenant string
	API    API
	Source world.Source
	// URL is the path and query as sent.
	URL string
	// UserAgent and Prefer are the headers of those names.
	UserAgent, Prefer string
	// Status is 0 where nothing was answered.
	Status int
	// Bytes counts the body as sent; Records the alerts of a complete answer.
	Bytes   int64
	Records int
	// Faults names those that were at work.
	Faults []string
}

type log struct {
	mu       sync.Mutex
	requests []Request
	counts   map[Asked]int
}

// Asked is who was asked for what.
type Asked struct {
	Tenant string
	Source world.Source
}

func (l *log) add(e *exchange, started time.Time) {
	entry := Request{
		Started: started, Tenant: e.tenant, API: e.surface.api, Source: e.surface.source, URL: e.r.RequestURI,
		UserAgent: e.r.UserAgent(), Prefer: e.r.Header.Get("Prefer"),
		Status: e.w.status, Bytes: e.w.bytes, Records: e.records,
	}
	for _, fault := range e.faults {
		entry.Faults = append(entry.Faults, fault.Name)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests = append(l.requests, entry)
	if l.counts == nil {
		l.counts = map[Asked]int{}
	}
	l.counts[Asked{entry.Tenant, entry.Source}]++
}

// Requests returns the finished requests in the order of their ends; of all tenants or APIs if one of them is empty.
func (s *Server) Requests(tenant string, api API) []Request {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.log.requests), func(r Request) bool {
		return api != "" && r.API != api || tenant != "" && r.Tenant != tenant
	})
}

// Counts tells how many requests of each kind are finished, without looking through them.
func (s *Server) Counts() map[Asked]int {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return maps.Clone(s.log.counts)
}

// recorder keeps what was answered.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

func (r *recorder) flush() { _ = http.NewResponseController(r.ResponseWriter).Flush() }
