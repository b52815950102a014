package cloudsim

import (
	"net/http"
	"slices"
	"sync"
)

// Elsewhere is a server that is none of Microsoft's. It answers every request with an empty page and remembers it.
type Elsewhere struct {
	mu       sync.Mutex
	requests []Stray
}

// Stray is a request that should not have been made there.
type Stray struct {
	URL string
	// Authorization is the header of that name: a leaked token, if not empty.
	Authorization string
}

// ServeHTTP answers a request.
func (e *Elsewhere) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	e.requests = append(e.requests, Stray{r.RequestURI, r.Header.Get("Authorization")})
	e.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"value":[]}`))
}

// Requests lists what has come.
func (e *Elsewhere) Requests() []Stray {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.requests)
}
