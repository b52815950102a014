package e2e_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A damaged file costs repeats, never alerts. Where file_storage cannot open it, the collector ends at once, and goes on
// as soon as the file is gone.
func TestADamagedStorageFileLosesNothing(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		damage func([]byte) []byte
		ends   func(*collector) // requires how the collector ends; nil where it goes on
	}{
		"emptied":               {func([]byte) []byte { return nil }, nil},
		"cut to 100 bytes":      {func(b []byte) []byte { return b[:100] }, notADatabase},
		"cut after its head":    {func(b []byte) []byte { return b[:metaPages()] }, traced},
		"garbage at its head":   {func(b []byte) []byte { return garbage(b, 0, metaPages()) }, notADatabase},
		"garbage in its middle": {func(b []byte) []byte { return garbage(b, len(b)/4, len(b)*3/4) }, traced},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, 2)
			s.checkpointed(tt.damage)
			c := s.start(often)
			if tt.ends != nil {
				tt.ends(c)
				require.NoError(t, os.Remove(s.storageFile()))
				c = s.start(often)
			}
			s.settled(c)
		})
	}
}

// A power failure may leave any part of the file: whatever the collector makes of it, nothing is missing in the end.
func TestAFileCutAnywhereLosesNothing(t *testing.T) {
	t.Parallel()
	for name, eighths := range map[string]int{"half": 4, "three quarters": 6} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, 2)
			s.checkpointed(func(b []byte) []byte { return b[:len(b)*eighths/8] })
			c := s.start(often)
			s.eventually("its end, or all alerts", func() bool {
				return !c.alive() || len(s.sink.missing(s.visible(s.tenants...))) == 0
			})
			if !c.alive() {
				assert.Positive(t, c.cmd.ProcessState.ExitCode())
				require.NoError(t, os.Remove(s.storageFile()))
				c = s.start(often)
			}
			s.settled(c)
		})
	}
}

// metaPages is the size of the two pages at the head of a file that tell where the others are.
func metaPages() int { return 2 * os.Getpagesize() }

// garbage overwrites a part of b.
func garbage(b []byte, from, to int) []byte {
	for i := from; i < to; i++ {
		b[i] = byte(i * 7)
	}
	return b
}

// notADatabase is how the collector ends when the file does not begin like one.
func notADatabase(c *collector) {
	c.t.Helper()
	c.refuses("opening `storage` file_storage", "invalid database")
}

// traced is how it ends when the file begins well: bbolt panics in a goroutine of its own, where nobody can catch it.
func traced(c *collector) {
	c.t.Helper()
	c.ends()
	assert.Contains(c.t, c.stderr.String(), "go.etcd.io/bbolt", "what reads the file")
}

// refuses requires that the process ends soon and with an error, and that its last line is a sentence with these parts.
func (c *collector) refuses(parts ...string) {
	c.t.Helper()
	c.ends()
	last := tail(c.stderr.String(), 1)
	assert.Regexp(c.t, "^Error: ", last)
	for _, part := range parts {
		assert.Contains(c.t, last, part)
	}
}

// ends requires that the process ends by itself, soon and with an error.
func (c *collector) ends() {
	c.t.Helper()
	require.Eventually(c.t, func() bool { return !c.alive() }, promptly, rhythm)
	assert.Positive(c.t, c.cmd.ProcessState.ExitCode())
}
