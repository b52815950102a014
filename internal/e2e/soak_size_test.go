package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// size is what a process occupies.
type size struct{ memory, goroutines, files int }

// measure looks at the collector. While it reloads there is nothing to count goroutines with: they are 0 then.
func (s *soaking) measure() (now size) {
	s.t.Helper()
	pid := s.c.cmd.Process.Pid
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(s.t, err)
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	_, err = fmt.Sscan(after, &now.memory)
	require.NoError(s.t, err)
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	require.NoError(s.t, err)
	now.files = len(files)
	now.goroutines = s.goroutines()
	return now
}

func (s *soaking) goroutines() (n int) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/debug/pprof/goroutine?debug=1", s.pprof))
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(res.Body, 1<<10)) // the first line has the number
	_, _ = fmt.Sscanf(string(text), "goroutine profile: total %d", &n)
	return n
}

// working are the goroutines that do not belong to a connection, of which each has two over HTTP/1.1. Those of files and of
// the collector's own connections are taken off as well: what counts is how it changes.
func (z size) working() int { return z.goroutines - 2*z.files }

// enough samples tell a trend from chance.
const enough = 40

// flat requires that what is held when all is well does not grow by what went wrong, and that it did not grow on the way.
func (s *soaking) flat(before, after size) {
	s.t.Helper()
	assert.LessOrEqual(s.t, after.working(), before.working()+30, "goroutines without those of connections, before %v and after %v", before, after)
	assert.LessOrEqual(s.t, after.files, before.files+30, "files and connections before and after")
	if len(s.sizes) < enough {
		return
	}
	quarter := len(s.sizes) / 4
	second, last := s.sizes[quarter:2*quarter], s.sizes[3*quarter:]
	for _, of := range []struct {
		what  string
		value func(size) int
		slack int
	}{
		{"resident memory in KiB", func(z size) int { return z.memory }, 16 << 10},
		{"goroutines without those of connections", size.working, 30},
		{"files and connections", func(z size) int { return z.files }, 30},
	} {
		early, late := median(second, of.value), median(last, of.value)
		s.t.Logf("%s: %d before; %d in the second quarter, %d in the last (medians); %d after", of.what, of.value(before), early, late, of.value(after))
		assert.LessOrEqual(s.t, late, early+early/8+of.slack, "%s grow", of.what)
	}
}

func median(sizes []size, value func(size) int) int {
	var values []int
	for _, z := range sizes {
		values = append(values, value(z))
	}
	slices.Sort(values)
	return values[len(values)/2]
}
