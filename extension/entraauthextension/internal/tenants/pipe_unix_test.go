//go:build unix

package tenants

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPipeIsNotWaitedFor(t *testing.T) {
	follow(t, func(f *following) {
		require.NoError(t, os.Remove(f.path))
		require.NoError(t, syscall.Mkfifo(f.path, 0o600))
		f.pass(3 * time.Second)
		require.Equal(t, 1, f.logs.Len())
		assert.Contains(t, f.logs.All()[0].ContextMap()["error"], "not a regular file")
	})
}

func TestOnlyRegularFilesAreRead(t *testing.T) {
	dir := t.TempDir()
	file, pipe := filepath.Join(dir, "file"), filepath.Join(dir, "pipe")
	require.NoError(t, os.WriteFile(file, []byte("text"), 0o600))
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	for _, path := range []string{file, pipe} {
		require.NoError(t, os.Symlink(path, path+".link"))
	}
	for _, path := range []string{dir, pipe, pipe + ".link"} {
		_, err := ReadFile(path)
		require.ErrorContains(t, err, "not a regular file")
	}
	data, err := ReadFile(file + ".link")
	require.NoError(t, err)
	assert.Equal(t, "text", string(data))
	_, err = expand("${file:" + pipe + "}")
	require.ErrorContains(t, err, "not a regular file")
}
