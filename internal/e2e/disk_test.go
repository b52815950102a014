package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/api"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// disk puts the storage directory on a disk of its own, of one MiB. It skips the test where that is not permitted.
func (s *stage) disk(mode string) (directory string) {
	s.t.Helper()
	directory = filepath.Join(s.dir, "storage")
	require.NoError(s.t, os.Mkdir(directory, 0o700))
	out, err := exec.CommandContext(s.t.Context(), "mount", "-t", "tmpfs", "-o", "size=1m,"+mode, "tmpfs", directory).CombinedOutput()
	if err != nil {
		s.t.Skipf("needs a disk of its own, which Linux mounts for root alone: %v: %s", err, out)
	}
	s.t.Cleanup(func() { require.NoError(s.t, exec.Command("umount", directory).Run()) })
	return directory
}

// fill takes the space that is left, and returns what gives it back.
func (s *stage) fill(directory string) (release func()) {
	s.t.Helper()
	path := filepath.Join(directory, "ballast")
	f, err := os.Create(path)
	require.NoError(s.t, err)
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	require.ErrorIs(s.t, err, syscall.ENOSPC)
	require.NoError(s.t, f.Close())
	return func() { require.NoError(s.t, os.Remove(path)) }
}

func TestAFullDiskStopsNoAlert(t *testing.T) {
	t.Parallel()
	s := newStage(t, 2)
	for _, a := range api.APIs() {
		s.cloud.API.SetQuota(a, api.Quota{})
	}
	directory := s.disk("rw")
	s.generate(100, time.Hour)
	c := s.start(often)
	s.arrived(s.tenants...)
	release := s.fill(directory)
	s.generate(4_000, time.Minute) // more than the free pages of the file can tell
	s.arrived(s.tenants...)
	s.eventually("a complaint", func() bool { return len(c.storageFailures()) > 0 })
	s.polled(1, s.tenants...)

	release()
	s.eventually("recovery", func() bool { return len(c.logged(works, line{"reason": "storage"})) == len(c.storageFailures()) })
	for subject, n := range c.storageFailures() {
		assert.Equal(t, 1, n, "lines about %v", subject)
	}
	s.settled(c)
	assert.Zero(t, s.audit(s.sink.all()).repeats(), "it went on from memory")
}

const works = "Polling a tenant works again"

// storageFailures counts the lines that blame the storage, for each tenant and source.
func (c *collector) storageFailures() map[[2]string]int {
	failures := map[[2]string]int{}
	for _, l := range c.logged(fails, line{"reason": "storage"}) {
		failures[[2]string{l.text("tenant"), l.text("source")}]++
	}
	return failures
}

func TestAReadOnlyStorageDirectoryIsNamedAtTheStart(t *testing.T) {
	t.Parallel()
	s := newStage(t, 1)
	if os.Geteuid() == 0 {
		s.disk("ro") // permissions do not bind root
	} else {
		require.NoError(t, os.Mkdir(filepath.Join(s.dir, "storage"), 0o500))
	}
	s.start().refuses("opening `storage` file_storage", s.storageFile())
	assert.Zero(t, s.sink.count())
}

func TestASecondCollectorOnOneDirectoryEnds(t *testing.T) {
	t.Parallel()
	s := newStage(t, 2)
	s.generate(50, time.Hour)
	first := s.start(often)
	s.arrived(s.tenants...)
	s.start().refuses("opening `storage` file_storage (is it read-only, damaged, or used by another collector?)")
	s.generate(50, time.Minute)
	s.settled(first)
	assert.Zero(t, s.audit(s.sink.all()).repeats())
}

const bulkPage = 1_000

func TestAFirstPollThatIsKilledGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	s := newStage(t, 1)
	s.cloud.API.SetQuota(api.Endpoint, api.Quota{}) // each process counts its own requests
	s.bulk(world.EndpointAlerts, 20_000)
	over := `receivers: {defender: {sources: {endpoint_alerts: {page_size: 1000}}}}`
	c := s.start(over)
	s.eventually("some alerts", func() bool { return s.sink.count() >= 8*bulkPage })
	c.kill()
	killed := s.sink.count()
	require.Less(t, killed, 20_000, "it was in the middle")
	s.settled(s.start(over))
	repeats := s.audit(s.sink.all()).repeats()
	t.Logf("killed after %d alerts, %d repeats", killed, repeats)
	assert.LessOrEqual(t, repeats, bulkPage, "what was checkpointed is not read again")
}
