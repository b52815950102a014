package tenants

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// taker notes what a follower takes; a content that begins with ! is refused, with itself for the reason, unless it is
// excused.
type taker struct {
	mu      sync.Mutex
	taken   []string
	excused bool
}

func (k *taker) excuse() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.excused = true
}

func (k *taker) take(data []byte) (Changes, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.excused && (len(data) == 0 || data[0] == '!') {
		return Changes{}, errors.New("refused: " + string(data))
	}
	k.taken = append(k.taken, string(data))
	return Changes{Added: 1, Removed: 2, Changed: 3}, nil
}

func (k *taker) all() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]string(nil), k.taken...)
}

type following struct {
	*taker
	t    *testing.T
	path string
	logs *observer.ObservedLogs
}

func follow(t *testing.T, test func(f *following)) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.DebugLevel)
		f := &following{taker: &taker{}, t: t, path: filepath.Join(dir, "tenants.yaml"), logs: logs}
		f.write("one")
		follower := &Follower{Path: f.path, Take: f.take, Logger: zap.New(core)}
		follower.Begin([]byte("one"))
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { follower.Run(ctx) })
		time.Sleep(100 * time.Millisecond) // between two looks
		test(f)
		cancel()
		wg.Wait()
	})
}

func (f *following) write(text string) {
	f.t.Helper()
	require.NoError(f.t, os.WriteFile(f.path, []byte(text), 0o600))
}

func (f *following) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestFollowerTakesEveryKindOfChange(t *testing.T) {
	follow(t, func(f *following) {
		f.pass(time.Minute)
		require.Empty(t, f.all(), "nothing changed")

		f.write("two")
		f.pass(3 * time.Second)
		require.Equal(t, []string{"two"}, f.all(), "in place")

		require.NoError(t, os.WriteFile(f.path+".new", []byte("three"), 0o600))
		require.NoError(t, os.Rename(f.path+".new", f.path))
		f.pass(3 * time.Second)
		require.Equal(t, []string{"two", "three"}, f.all(), "renamed over")

		require.NoError(t, os.WriteFile(f.path+".a", []byte("four"), 0o600))
		require.NoError(t, os.Remove(f.path))
		require.NoError(t, os.Symlink(f.path+".a", f.path))
		f.pass(3 * time.Second)
		require.Equal(t, []string{"two", "three", "four"}, f.all(), "a symbolic link")
		assert.Equal(t, 3, f.logs.Len())
		assert.EqualValues(t, 3, f.logs.All()[0].ContextMap()["changed"])
	})
}

func TestFollowerWaitsForTheEndOfWriting(t *testing.T) {
	follow(t, func(f *following) {
		for _, part := range []string{"!", "!h", "!ha", "!hal", "!half"} {
			f.write(part)
			f.pass(time.Second)
		}
		f.write("whole")
		f.pass(3 * time.Second)
		assert.Equal(t, []string{"whole"}, f.all())
		assert.Equal(t, 1, f.logs.Len(), "what was half-written was not complained of")
	})
}

func TestFollowerComplainsOnceOfEachMistake(t *testing.T) {
	follow(t, func(f *following) {
		for i, broken := range []string{"!broken", "!otherwise", ""} {
			f.write(broken)
			f.pass(10 * time.Second)
			require.Equal(t, i+1, f.logs.Len())
		}
		require.NoError(t, os.Remove(f.path))
		f.pass(10 * time.Second)
		require.Empty(t, f.all())
		require.Equal(t, 4, f.logs.Len())
		for i, want := range []string{"refused: !broken", "refused: !otherwise", "refused: ", "no such file"} {
			require.Equal(t, zap.ErrorLevel, f.logs.All()[i].Level)
			require.Contains(t, f.logs.All()[i].ContextMap()["error"], want)
		}

		f.write("one")
		f.pass(3 * time.Second)
		assert.Equal(t, []string{"one"}, f.all(), "mended")
		require.Equal(t, 5, f.logs.Len())
		assert.Equal(t, zap.InfoLevel, f.logs.All()[4].Level)
		assert.EqualValues(t, 1, f.logs.All()[4].ContextMap()["added"])

		for range 2 {
			f.write("!broken")
			f.pass(10 * time.Second)
			assert.Equal(t, 6, f.logs.Len(), "a new change of state, once")
		}
	})
}

func TestFollowerTakesARefusedContentAgain(t *testing.T) {
	follow(t, func(f *following) {
		f.write("!early")
		f.pass(time.Minute)
		require.Empty(t, f.all())
		f.excuse()
		f.pass(5 * time.Second)
		require.Equal(t, []string{"!early"}, f.all(), "once")
		assert.Equal(t, 2, f.logs.Len())
	})
}

func TestFollowerTakesNothingAfterItsEnd(t *testing.T) {
	f := &Follower{Path: filepath.Join(t.TempDir(), "tenants.yaml"), Logger: zap.NewNop()}
	require.NoError(t, os.WriteFile(f.Path, []byte("two"), 0o600))
	f.Take = func([]byte) (Changes, error) { t.Error("taken"); return Changes{}, nil }
	ctx, cancel := context.WithCancel(t.Context())
	f.look(ctx)
	cancel()
	f.look(ctx)
}
