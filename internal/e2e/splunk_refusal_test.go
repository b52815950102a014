package e2e_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hecRefusal is what Splunk answers when it refuses.
type hecRefusal struct {
	status int
	text   string
}

// The refusals that somebody can mend, as Splunk documents them.
var (
	hecTokenRequired = hecRefusal{http.StatusUnauthorized, `{"text":"Token is required","code":2}`}
	hecTokenDisabled = hecRefusal{http.StatusForbidden, `{"text":"Token disabled","code":1}`}
	hecIndexMissing  = hecRefusal{http.StatusBadRequest, `{"text":"Incorrect index","code":7,"invalid-event-number":1}`}
)

// answer refuses every request.
func (r hecRefusal) answer(w http.ResponseWriter, _ *http.Request) bool {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(r.status)
	_, _ = w.Write([]byte(r.text)) // the sender may have died
	return true
}

func TestATokenThatSplunkRefusesForAWhileLosesNothing(t *testing.T) {
	t.Parallel()
	for _, refusal := range []hecRefusal{hecTokenRequired, hecTokenDisabled} {
		t.Run(strconv.Itoa(refusal.status), func(t *testing.T) {
			t.Parallel()
			s := newSplunkStage(t)
			s.generate(20, 20*time.Hour)
			sp := newSplunk(s)
			sp.instead(refusal.answer)
			c := s.startConfiguration("splunk.yaml", quickRetry)
			s.eventually("attempts", func() bool { return len(c.logged("Will retry", nil)) >= 5 })
			s.generate(10, time.Minute)
			s.polled(2, s.tenants...)
			require.Empty(t, sp.events())
			sp.instead(nil)
			events := s.arrivedInSplunk(sp)
			s.eventually("a line about it", func() bool { return len(c.logged(takesAgain, nil)) == 1 })
			c.terminate()
			assert.Zero(t, repeatsInSplunk(t, events))
			said := c.logged(refuses, nil)
			require.Len(t, said, 1)
			assert.Equal(t, refusal.text, said[0].text("answer"))
			assert.Empty(t, c.logged("Dropping data", nil))
			assert.Empty(t, c.logged("", line{"level": "error"}))
			assert.NotContains(t, c.stderr.String(), hecToken)
		})
	}
}

func TestATokenThatSplunkRefusesLosesNothingToAKill(t *testing.T) {
	t.Parallel()
	s := newSplunkStage(t)
	s.generate(50, 20*time.Hour)
	sp := newSplunk(s)
	sp.instead(hecTokenDisabled.answer)
	for range 3 {
		c := s.startConfiguration("splunk.yaml", quickRetry)
		s.eventually("attempts", func() bool { return len(c.logged("Will retry", nil)) >= 5 })
		s.generate(10, time.Minute)
		s.polled(2, s.tenants...)
		c.kill()
	}
	require.Empty(t, sp.events())
	sp.instead(nil)
	c := s.startConfiguration("splunk.yaml", quickRetry)
	events := s.arrivedInSplunk(sp)
	c.terminate()
	t.Logf("%d repeats", repeatsInSplunk(t, events))
}

// With 400 in the list, as splunk.md shows.
func TestAnIndexThatIsMissingInSplunkCanBeWaitedFor(t *testing.T) {
	t.Parallel()
	s := newSplunkStage(t)
	s.generate(20, 20*time.Hour)
	sp := newSplunk(s)
	sp.instead(hecIndexMissing.answer)
	port := freePort(t)
	c := s.startConfiguration("splunk.yaml", quickRetry, measured(port), block(t, page(t, "splunk.md"), "yaml", "statuses:"))
	s.eventually("attempts", func() bool { return len(c.logged("Will retry", nil)) >= 5 })
	assert.Regexp(t, `(?m)^otelcol_extension_retry_on_status_refused\{.*destination="`+sp.url()+`".*status="400".*\} \d+$`, s.get(port, "/metrics"))
	sp.instead(nil)
	events := s.arrivedInSplunk(sp)
	c.terminate()
	assert.Zero(t, repeatsInSplunk(t, events))
	assert.Empty(t, c.logged("Dropping data", nil))
}
