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

// Server answers both APIs.
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
		surfaces: []*surface{endpointAlerts(), graphAlerts()},
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
}

// Handler serves one API at its root; mount it below any prefix with http.StripPrefix.
func (s *Server) Handler(api API) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(api, w, r) })
}

// serve answers one request and logs it, however it ends.
func (s *Server) serve(api API, w http.ResponseWriter, r *http.Request) {
	surface, id, ok := s.route(r.URL.Path)
	if !ok || surface.api != api {
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
func (s *Server) route(path string) (found *surface, id string, ok bool) {
	for _, surface := range s.surfaces {
		if rest, ok := strings.CutPrefix(path, surface.path); ok && (rest == "" || rest[0] == '/') {
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

// one answers a single record, always with its evidence.
func (s *Server) one(e *exchange, id string) {
	v, ok := s.world.Get(e.tenant, e.surface.source, id)
	if !ok {
		s.refuse(e, http.StatusNotFound, fmt.Sprintf("Alert %s was not found.", id))
		return
	}
	form := world.Form{Evidence: true, UnknownMembers: wantsUnknownMembers(e.r)}
	e.w.Header().Set("Content-Type", contentType)
	if _, err := e.w.Write(v.AppendJSON(nil, form)); err == nil {
		e.records = 1
		v.MarkServed()
	}
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
