package api

import (
	"slices"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// Rule says which requests a fault befalls. It does so after the token and the quota were checked.
type Rule struct {
	// Tenant is an Entra tenant id; empty for all.
	Tenant string
	// API and Source are empty for all.
	API    API
	Source world.Source
	// Times is how many requests; 0 for all until it is removed.
	Times int
	// Probability is that of each request, from 0 to 1; 0 for every one.
	Probability float64
	// Faults work together; the first that gives a whole answer gives it.
	Faults []Fault
}

// Inject puts a rule into force until remove is called.
func (s *Server) Inject(r Rule) (remove func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rule := &r
	s.rules = append(s.rules, rule)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.rules = slices.DeleteFunc(s.rules, func(other *Rule) bool { return other == rule })
	}
}

// Heal removes every rule.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = nil
}

// take returns the faults for a request and counts them.
func (s *Server) take(e *exchange) []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	var faults []Fault
	s.rules = slices.DeleteFunc(s.rules, func(rule *Rule) bool {
		if !rule.concerns(e) || rule.Probability > 0 && s.random.Float64() >= rule.Probability {
			return false
		}
		faults = append(faults, rule.Faults...)
		rule.Times--
		return rule.Times == 0
	})
	return faults
}

func (r *Rule) concerns(e *exchange) bool {
	return (r.Tenant == "" || r.Tenant == e.tenant) && (r.API == "" || r.API == e.surface.api) &&
		(r.Source == "" || r.Source == e.surface.source)
}
