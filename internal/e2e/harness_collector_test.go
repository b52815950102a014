package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// promptly is how soon a collector has to end when it is asked to.
const promptly = 10 * time.Second

// collector is a running child process.
type collector struct {
	t              *testing.T
	cmd            *exec.Cmd
	stdout, stderr output
	ended          chan struct{} // closed when the process is gone
}

// start runs a collector with texts laid over the configuration of all tests.
func (s *stage) start(over ...string) *collector {
	s.t.Helper()
	return s.startWith(configs(over...))
}

// startWith runs a collector with these arguments. It is gone when the test is.
func (s *stage) startWith(args []string) *collector {
	s.t.Helper()
	c := &collector{t: s.t, cmd: exec.Command(s.binary, args...), ended: make(chan struct{})}
	c.cmd.Env = s.environment()
	c.cmd.Stdout, c.cmd.Stderr = &c.stdout, &c.stderr
	require.NoError(s.t, c.cmd.Start())
	go func() {
		defer close(c.ended)
		_ = c.cmd.Wait() // the state tells how it ended
	}()
	s.t.Cleanup(func() {
		c.kill()
		if s.t.Failed() {
			s.t.Logf("the end of the collector's log:\n%s", tail(c.stderr.String(), 20))
		}
	})
	return c
}

// run runs the binary to its end and returns all it has written.
func (s *stage) run(args ...string) (string, error) {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), s.binary, args...)
	cmd.Env = s.environment()
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// kill ends the process as a power failure would.
func (c *collector) kill() {
	_ = c.cmd.Process.Kill() // it may have ended before
	<-c.ended
}

// stop ends the process as its user would, and requires that it goes well and soon.
func (c *collector) stop(signal os.Signal) {
	c.t.Helper()
	asked := time.Now()
	require.NoError(c.t, c.cmd.Process.Signal(signal))
	select {
	case <-c.ended:
	case <-time.After(promptly):
		c.kill()
		require.Fail(c.t, "the collector still runs", "%s after %s", promptly, signal)
	}
	require.Equal(c.t, 0, c.cmd.ProcessState.ExitCode(), "%s after %s", time.Since(asked), signal)
}

func (c *collector) terminate() {
	c.t.Helper()
	c.stop(syscall.SIGTERM)
}

// alive tells whether the process runs.
func (c *collector) alive() bool {
	select {
	case <-c.ended:
		return false
	default:
		return true
	}
}

// peakMemory is the largest resident size of the process so far, in bytes.
func (c *collector) peakMemory() int {
	c.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	require.NoError(c.t, err)
	_, after, found := strings.Cut(string(status), "VmHWM:")
	require.True(c.t, found)
	var kib int
	_, err = fmt.Sscan(after, &kib)
	require.NoError(c.t, err)
	return kib << 10
}

// line is a log line with its fields.
type line map[string]any

// text is a field as a string, empty if it is absent or something else.
func (l line) text(key string) string {
	text, _ := l[key].(string)
	return text
}

// logged returns the lines whose message contains a text and whose fields have these values.
func (c *collector) logged(message string, fields line) (found []line) {
	for _, l := range c.lines() {
		matches := strings.Contains(l.text("msg"), message)
		for key, want := range fields {
			matches = matches && l[key] == want
		}
		if matches {
			found = append(found, l)
		}
	}
	return found
}

// lines are the log so far.
func (c *collector) lines() (lines []line) {
	for text := range strings.Lines(c.stderr.String()) {
		var l line
		if strings.HasSuffix(text, "\n") && json.Unmarshal([]byte(text), &l) == nil {
			lines = append(lines, l)
		}
	}
	return lines
}

const fails = "Polling a tenant fails"

// output is a buffer for two goroutines.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}
