package retryonstatusextension

import (
	"sync"
	"time"

	"go.uber.org/zap"
)

// quiet is how long nothing more is said after a refusal was. A destination that refuses some requests and takes others
// would otherwise have a line for each.
const quiet = 5 * time.Minute

// state is whether the destination of one client refuses what it is sent. Two clients of one host have their own: a token
// that is refused says nothing about another.
type state struct {
	logger *zap.Logger
	now    func() time.Time

	mu     sync.Mutex
	since  time.Time // of the first refusal after the last delivery; zero without one
	status int       // of the refusal that was said and is not over; 0 without one
	said   time.Time // when a refusal was last said
}

// refused notes a refusal, and says so if it is news.
func (s *state) refused(r *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if s.since.IsZero() {
		s.since = now
	}
	if s.status == r.status || now.Sub(s.said) < quiet {
		return
	}
	s.status, s.said = r.status, now
	s.logger.Warn("A destination refuses what it is sent. The exporter keeps it and tries again.",
		zap.String("destination", r.destination), zap.Int("status", r.status), zap.String("answer", r.excerpt),
		zap.String("action", r.advice()))
}

// taken notes a delivery, and says so if it ends a refusal that was said.
func (s *state) taken(destination string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.status != 0 {
		s.logger.Info("A destination takes again what it is sent.", zap.String("destination", destination),
			zap.Duration("refused_for", s.now().Sub(s.since).Round(time.Second)))
	}
	s.since, s.status = time.Time{}, 0
}
