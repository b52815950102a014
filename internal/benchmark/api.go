package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/entra"
)

// api serves feeds as fast as it can: an answer is a slice of what was written before.
type api struct {
	feeds  map[string]*feed
	tokens *entra.Server
	// compressed has answers that gzip made before, by their query.
	compressed sync.Map

	mu       sync.Mutex
	served   map[string]int // records by tenant
	requests []time.Time
	quiet    map[string]int // requests by tenant after all of its records were served
}

func newAPI(tokens *entra.Server, feeds map[string]*feed) *api {
	return &api{feeds: feeds, tokens: tokens, served: map[string]int{}, quiet: map[string]int{}}
}

// interval is the filter of the receiver.
var interval = regexp.MustCompile(`^lastUpdateTime ge (\S+) and lastUpdateTime le (\S+)$`)

// ServeHTTP answers GET /api/alerts.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	claims, err := a.tokens.Authenticate(r.Header.Get("Authorization"))
	if err != nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	q := r.URL.Query()
	bounds := interval.FindStringSubmatch(q.Get("$filter"))
	if len(bounds) == 0 {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	from, fromErr := time.Parse(time.RFC3339Nano, bounds[1])
	to, toErr := time.Parse(time.RFC3339Nano, bounds[2])
	if fromErr != nil || toErr != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	top, _ := strconv.Atoi(q.Get("$top"))
	skip, _ := strconv.Atoi(q.Get("$skip"))
	var text []byte
	n := 0
	if f := a.feeds[claims.TenantID]; f != nil {
		text, n = f.between(from, to, top, skip)
	}
	a.count(claims.TenantID, n)
	a.write(w, r, text)
}

func (a *api) count(tenant string, n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.requests = append(a.requests, time.Now())
	if f := a.feeds[tenant]; n == 0 && (f == nil || a.served[tenant] >= len(f.ends)) {
		a.quiet[tenant]++
	}
	a.served[tenant] += n
}

// settled tells how many tenants have been asked again after they had given everything.
func (a *api) settled() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.quiet)
}

func (a *api) write(w http.ResponseWriter, r *http.Request, text []byte) {
	header := w.Header()
	header.Set("Content-Type", "application/json")
	if len(text) == 0 || !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") || r.TLS == nil {
		_, _ = io.WriteString(w, prefix)
		_, _ = w.Write(text)
		_, _ = io.WriteString(w, suffix)
		return
	}
	header.Set("Content-Encoding", "gzip")
	_, _ = w.Write(a.zipped(r.URL.RawQuery, text))
}

const (
	prefix = `{"@odata.context":"https://api.example/api/$metadata#Alerts","value":[`
	suffix = `]}`
)

// zipped compresses an answer once: it is the client that is measured.
func (a *api) zipped(key string, text []byte) []byte {
	if known, ok := a.compressed.Load(key); ok {
		return known.([]byte)
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	for _, part := range [][]byte{[]byte(prefix), text, []byte(suffix)} {
		_, _ = z.Write(part)
	}
	_ = z.Close()
	a.compressed.Store(key, b.Bytes())
	return b.Bytes()
}
