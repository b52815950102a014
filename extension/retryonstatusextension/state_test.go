package retryonstatusextension

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// story is a destination whose answers a test tells in order, and a clock that it moves.
type story struct {
	*world
	now    time.Time
	status int
	said   int
}

func newStory(t *testing.T) *story {
	t.Helper()
	s := &story{now: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)}
	s.world = newWorld(t, "", func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(s.status) })
	s.ext.now = func() time.Time { return s.now }
	s.client = s.newClient("middlewares: [{id: retry_on_status}]")
	return s
}

const (
	refuses    = "A destination refuses what it is sent. The exporter keeps it and tries again."
	takesAgain = "A destination takes again what it is sent."
)

// then lets some time go by, sends something that is answered with a status, and requires the line that this makes, if any.
func (s *story) then(after time.Duration, status int, message string) map[string]any {
	s.t.Helper()
	s.now, s.status = s.now.Add(after), status
	_, _ = s.post() // what it returns is the matter of other tests
	lines := s.logs.All()[s.said:]
	s.said = s.logs.Len()
	if message == "" {
		require.Empty(s.t, lines, status)
		return nil
	}
	require.Len(s.t, lines, 1, status)
	require.Equal(s.t, message, lines[0].Message)
	return lines[0].ContextMap()
}

func TestAChangeIsSaidOnce(t *testing.T) {
	s := newStory(t)
	s.then(0, 200, "")
	line := s.then(time.Minute, 401, refuses)
	assert.Equal(t, s.url, line["destination"])
	assert.EqualValues(t, 401, line["status"])
	assert.Contains(t, line["action"], "the provider must renew the token")
	for range 100 {
		s.then(time.Hour, 401, "")
	}
	s.then(0, 503, "")
	s.then(0, 400, "")
	line = s.then(time.Minute, 200, takesAgain)
	assert.Equal(t, s.url, line["destination"])
	assert.Equal(t, 100*time.Hour+time.Minute, line["refused_for"])
	s.then(0, 200, "")
	s.then(quiet, 401, refuses)
}

func TestAnotherReasonIsSaid(t *testing.T) {
	s := newStory(t)
	s.then(0, 401, refuses)
	s.then(time.Hour, 404, refuses)
	line := s.then(time.Hour, 200, takesAgain)
	assert.Equal(t, 2*time.Hour, line["refused_for"])
}

// A destination that takes some requests and refuses others has a line now and then, not for each of them.
func TestWhatComesAndGoesIsSaidNowAndThen(t *testing.T) {
	s := newStory(t)
	s.then(0, 500, refuses)
	s.then(time.Second, 200, takesAgain)
	for range 9 {
		s.then(15*time.Second, 500, "")
		s.then(15*time.Second, 200, "")
	}
	s.then(quiet, 500, refuses)
	s.then(time.Second, 404, "")
	s.then(time.Second, 200, takesAgain)
}

// Two exporters of one host may have tokens of their own.
func TestClientsAreApart(t *testing.T) {
	s := newStory(t)
	s.then(0, 401, refuses)
	first := s.client
	s.client = s.newClient("middlewares: [{id: retry_on_status}]")
	s.then(time.Second, 200, "")
	s.then(time.Second, 401, refuses)
	s.client = first
	s.then(time.Second, 200, takesAgain)
}
