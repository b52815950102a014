package e2e_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// often spares the tests time: they wait for polls.
const often = `receivers: {defender: {poll_interval: 1s}}`

// storageFile is where file_storage keeps the checkpoints.
func (s *stage) storageFile() string { return filepath.Join(s.dir, "storage", "receiver_defender_") }

// checkpointed delivers what there is, ends the collector, and lets a few more alerts appear. What is stored is handed
// to change.
func (s *stage) checkpointed(change func([]byte) []byte) {
	s.t.Helper()
	s.generate(100, time.Hour)
	c := s.start(often)
	s.arrived(s.tenants...)
	s.polled(2, s.tenants...)
	c.terminate()
	s.generate(20, time.Minute)
	stored, err := os.ReadFile(s.storageFile())
	require.NoError(s.t, err)
	s.store(change(stored))
}

func (s *stage) store(content []byte) {
	s.t.Helper()
	require.NoError(s.t, os.WriteFile(s.storageFile(), content, 0o600))
}

// settled requires that everything has arrived, and that a restart repeats nothing.
func (s *stage) settled(c *collector) {
	s.t.Helper()
	s.arrived(s.tenants...)
	s.polled(2, s.tenants...)
	c.terminate()
	a := s.audit(s.sink.all())
	a.genuine() // a repeat has the uid of the first
	a.complete(everything)
	before := s.sink.count()
	c = s.start(often)
	s.polled(2, s.tenants...)
	c.terminate()
	assert.Equal(s.t, before, s.sink.count(), "what is checkpointed is not repeated")
}

const cannotBeUsed = "The stored state cannot be used"

func TestStateOfAnotherVersionIsNamedAndReadAgain(t *testing.T) {
	t.Parallel()
	for name, format := range map[string]string{"newer": `"v":2`, "older": `"v":0`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, 2)
			s.checkpointed(func(stored []byte) []byte {
				require.Contains(t, string(stored), `{"v":1,"began"`)
				return bytes.ReplaceAll(stored, []byte(`{"v":1,"began"`), []byte("{"+format+`,"began"`))
			})
			c := s.start(often)
			s.settled(c)
			lines := c.logged(cannotBeUsed, line{"level": "error"})
			assert.Len(t, lines, len(s.tenants)*len(s.sources))
			for _, l := range lines {
				assert.Contains(t, l.text("error"), "written by another version of the program")
			}
			a := s.audit(s.sink.all())
			assert.Equal(t, 2*100*len(s.sources), a.repeats(), "everything since initial_lookback came again")
		})
	}
}
