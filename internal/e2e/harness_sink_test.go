package e2e_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
)

// sink is an OTLP receiver. What it has answered 200 to has been delivered.
type sink struct {
	t      *testing.T
	server *httptest.Server

	mu      sync.Mutex
	alerts  []alert
	seen    map[version]struct{}
	status  int // of refusals; 0 accepts
	pause   time.Duration
	refused int
}

func newSink(t *testing.T) *sink {
	t.Helper()
	s := &sink{t: t, seen: map[version]struct{}{}}
	s.server = httptest.NewServer(s)
	t.Cleanup(s.server.Close)
	return s
}

func (s *sink) url() string { return s.server.URL }

// ServeHTTP takes records, and remembers them only if their sender learns of it or has died meanwhile.
func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender was killed
	}
	request := plogotlp.NewExportRequest()
	if !assert.NoError(s.t, request.UnmarshalProto(body)) {
		return
	}
	status, pause := s.mood()
	switch status {
	case 0:
	case hangs:
		<-r.Context().Done()
		return
	default:
		w.WriteHeader(status)
		return
	}
	if pause > 0 {
		time.Sleep(pause) // a slow pipeline
	}
	if r.Context().Err() != nil {
		return // whoever has given up sends it again
	}
	s.take(alertsOf(request.Logs()))
	w.Header().Set("Content-Type", "application/x-protobuf")
	answer, err := plogotlp.NewExportResponse().MarshalProto()
	assert.NoError(s.t, err)
	_, _ = w.Write(answer) // the sender may have died
}

func (s *sink) mood() (int, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.status != 0 {
		s.refused++
	}
	return s.status, s.pause
}

func (s *sink) take(alerts []alert) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alerts = append(s.alerts, alerts...)
	for _, a := range alerts {
		s.seen[a.version] = struct{}{}
	}
}

// hangs is the status of a sink that does not answer.
const hangs = -1

// refuse answers that status from now on; 0 accepts again.
func (s *sink) refuse(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
}

// slow makes every delivery take a while.
func (s *sink) slow(pause time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pause = pause
}

// refusals counts the deliveries that were refused.
func (s *sink) refusals() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused
}

func (s *sink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.alerts)
}

// all is everything that has arrived, in order.
func (s *sink) all() []alert {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.alerts)
}

// missing returns those that have not arrived yet.
func (s *sink) missing(versions []version) []version {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(versions, func(v version) bool {
		_, seen := s.seen[v]
		return seen
	})
}
