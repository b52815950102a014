package main

import (
	"sync"
	"time"
)

// counter knows when the stand-in was asked.
type counter struct {
	mu       sync.Mutex
	requests []time.Time
	tokens   int // requests of the sign-in
	served   map[string]int
	pages    int
	bytes    int       // of records
	all      time.Time // when the last of the tenants was polled first
}

func (c *counter) signedIn() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, time.Now())
	c.tokens++
}

func (c *counter) polled(tenant string, records, bytes int) {
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
	c.bytes += bytes
}

// stats are what the stand-in tells of itself.
type stats struct {
	Tenants  int     `json:"tenants"` // that have been polled
	Records  int     `json:"records"` // that have been served
	Bytes    int     `json:"bytes"`   // of those
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
	st := stats{Tenants: len(c.served), Requests: len(c.requests), Tokens: c.tokens, Pages: c.pages, Bytes: c.bytes, Busiest: busiest(c.requests)}
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
