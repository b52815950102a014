package api

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/entra"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// Authenticator knows the tokens that are valid, as the simulated authority does.
type Authenticator interface {
	Authenticate(authorizationHeader string) (entra.Claims, error)
}

// Server answers every API.
type Server struct {
	world    *world.World
	tokens   Authenticator
	surfaces []*surface
	quotas   *quotas
	log      log

	mu     sync.Mutex
	rules  []*Rule
	random *rand.Rand
	serial int
}

// New returns a server that enforces the documented quotas and has no faults. Its clock is the world's.
func New(w *world.World, tokens Authenticator) *Server {
	return &Server{
		world: w, tokens: tokens,
		surfaces: []*surface{endpointAlerts(), graphAlerts(), graphIncidents(), xdrIncidents(), siemAlerts()},
		quotas:   newQuotas(),
		random:   rand.New(rand.NewPCG(1, 1)),
	}
}

// exchange is one request on its way through the server.
type exchange struct {
	surface *surface
	w       *recorder
	r       *http.Request
	tenant  string
	faults  []Fault
	records int
	// of is the record whose elements are asked for, nil where a list is.
	of       *world.Version
	elements []*world.Version
}

// Handler serves one API at its root; mount it below any prefix with http.StripPrefix.
func (s *Server) Handler(api API) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(api, w, r) })
}

// serve answers one request and logs it, however it ends.
func (s *Server) serve(api API, w http.ResponseWriter, r *http.Request) {
	surface, id, ok := s.route(api, r.URL.Path)
	if !ok {
		http.NotFound(w, r)
		return
	}
	e := &exchange{surface: surface, w: &recorder{ResponseWriter: w}, r: r}
	started := s.world.Now()
	defer func() { s.log.add(e, started) }()
	if !s.admit(e) {
		return
	}
	e.faults = s.take(e)
	for _, fault := range e.faults {
		if fault.answer != nil {
			fault.answer(s, e)
			return
		}
	}
	if id != "" {
		s.one(e, id)
		return
	}
	s.list(e)
}

// route finds the list, and the id where a single record is asked for.
func (s *Server) route(api API, path string) (found *surface, id string, ok bool) {
	for _, surface := range s.surfaces {
		rest, ok := strings.CutPrefix(path, surface.path)
		if ok && surface.api == api && (rest == "" || rest[0] == '/' && !surface.array) {
			return surface, strings.TrimPrefix(rest, "/"), true
		}
	}
	return nil, "", false
}

// admit checks the method, the token, the permission and the quota, and refuses where one fails.
func (s *Server) admit(e *exchange) bool {
	if e.r.Method != http.MethodGet {
		s.refuse(e, http.StatusMethodNotAllowed, "")
		return false
	}
	claims, err := s.tokens.Authenticate(e.r.Header.Get("Authorization"))
	if err != nil {
		s.refuse(e, http.StatusUnauthorized, "Access token is missing, invalid or expired.")
		return false
	}
	e.tenant = claims.TenantID
	if !e.surface.accepts(claims.Audience) {
		s.refuse(e, http.StatusUnauthorized, "Access token validation failure. Invalid audience.")
		return false
	}
	if !e.surface.allows(claims.Roles) {
		s.refuse(e, http.StatusForbidden, fmt.Sprintf("Missing application roles. API required roles: %s, application roles: %s.",
			strings.Join(e.surface.roles, ","), strings.Join(claims.Roles, ",")))
		return false
	}
	if wait := s.quotas.admit(claims.AppID, e.tenant, e.surface.api, s.world.Now()); wait > 0 {
		s.throttle(e, retryAfter(wait))
		return false
	}
	return true
}

// one answers a single record, or the list of its elements.
func (s *Server) one(e *exchange, path string) {
	id, member, nested := strings.Cut(path, "/")
	v, ok := s.world.Get(e.tenant, e.surface.source, id)
	switch {
	case !ok || nested && (e.surface.elements == nil || member != e.surface.expandable):
		s.refuse(e, http.StatusNotFound, fmt.Sprintf("%s was not found.", path))
		return
	case nested:
		e.surface, e.of, e.elements = e.surface.elements, v, v.Alerts()
		s.list(e)
		return
	}
	q := &question{}
	if err := e.surface.read(s, e.r, q); err != nil {
		s.refuse(e, http.StatusBadRequest, err.Error()+".")
		return
	}
	q.form.Expanded = q.form.Expanded || e.surface.oneIsWhole
	s.answer(e, &page{contentType: contentType, single: true, versions: []*world.Version{v}, form: q.form, count: -1})
}

// guid returns a new tracking id; they count up, so that runs are alike.
func (s *Server) guid() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	return fmt.Sprintf("00000000-0000-4000-9000-%012x", s.serial)
}

// retryAfter is a wait as a header of that name: whole seconds, rounded up.
func retryAfter(wait time.Duration) string {
	return fmt.Sprint(int((wait + time.Second - 1) / time.Second))
}
