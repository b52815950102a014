package api

import (
	"sync"
	"time"
)

// Quota is how many requests one application may make in one tenant; zero means any number.
type Quota struct{ PerMinute, PerHour int }

// documentedQuotas are those of "List alerts API" (Endpoint), "List incidents API" (XDR) and "Microsoft Graph
// service-specific throttling limits". For the SIEM API none is documented.
func documentedQuotas() map[API]Quota {
	return map[API]Quota{Endpoint: {100, 1500}, Graph: {PerMinute: 150}, XDR: {50, 1500}}
}

type quotaKey struct {
	app, tenant string
	api         API
}

// quotas counts requests in sliding windows.
type quotas struct {
	mu         sync.Mutex
	limits     map[API]Quota
	admitted   map[quotaKey][]time.Time
	violations map[quotaKey]int
}

func newQuotas() *quotas {
	return &quotas{limits: documentedQuotas(), admitted: map[quotaKey][]time.Time{}, violations: map[quotaKey]int{}}
}

// admit counts a request, or returns how long to wait where it would exceed a window. A refused request does not count.
func (q *quotas) admit(app, tenant string, api API, now time.Time) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	key, limit := quotaKey{app, tenant, api}, q.limits[api]
	if limit == (Quota{}) {
		return 0
	}
	past := q.admitted[key]
	for len(past) > 0 && now.Sub(past[0]) >= time.Hour {
		past = past[1:]
	}
	wait := max(full(past, limit.PerMinute, time.Minute, now), full(past, limit.PerHour, time.Hour, now))
	if wait > 0 {
		q.violations[key]++
	} else {
		past = append(past, now)
	}
	q.admitted[key] = past
	return wait
}

// full returns how long the window stays full, 0 if one more fits.
func full(past []time.Time, limit int, window time.Duration, now time.Time) time.Duration {
	if limit == 0 || len(past) < limit {
		return 0
	}
	return max(0, window-now.Sub(past[len(past)-limit]))
}

// SetQuota replaces the quota of an API.
func (s *Server) SetQuota(api API, quota Quota) {
	s.quotas.mu.Lock()
	defer s.quotas.mu.Unlock()
	s.quotas.limits[api] = quota
}

// Violations counts the requests that were refused because a quota was used up; of all tenants or APIs if one of them is
// empty.
func (s *Server) Violations(tenant string, api API) int {
	s.quotas.mu.Lock()
	defer s.quotas.mu.Unlock()
	n := 0
	for key, count := range s.quotas.violations {
		if (api == "" || key.api == api) && (tenant == "" || key.tenant == tenant) {
			n += count
		}
	}
	return n
}
