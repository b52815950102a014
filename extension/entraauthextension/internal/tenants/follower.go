package tenants

import (
	"context"
	"crypto/sha256"
	"time"

	"go.uber.org/zap"
)

// interval is how often the file is looked at. A change counts when it looks the same twice, so it takes effect within
// three seconds.
const interval = time.Second

// Follower follows a file by reading it, which notices writing in place, renaming over it and the swap of a symbolic
// link alike, also on network file systems.
type Follower struct {
	Path string
	// Take is given each new content. Its error means that the content is refused, and is given again at each look,
	// since it may name a file that is yet to come.
	Take   func(data []byte) (Changes, error)
	Logger *zap.Logger

	taken, seen look

	// complaint is what was last reported as wrong, empty while all is well.
	complaint string
}

// look is what one reading found.
type look struct {
	digest  [sha256.Size]byte
	missing bool
}

// Begin notes the content that was taken at first.
func (f *Follower) Begin(data []byte) {
	f.taken = look{digest: sha256.Sum256(data)}
	f.seen = f.taken
}

// Run follows the file until ctx ends.
func (f *Follower) Run(ctx context.Context) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			f.look(ctx)
		}
	}
}

func (f *Follower) look(ctx context.Context) {
	data, err := ReadFile(f.Path)
	if ctx.Err() != nil {
		return // the reading hung until nobody waited for it
	}
	now := look{missing: err != nil}
	if err == nil {
		now.digest = sha256.Sum256(data)
	}
	settled := now == f.seen
	f.seen = now
	if !settled || (now == f.taken && f.complaint == "") {
		return
	}
	f.taken = now
	var changes Changes
	if err == nil {
		changes, err = f.Take(data)
	}
	f.report(changes, err)
}

// report logs what changed: a new content, or that something else is wrong than before.
func (f *Follower) report(changes Changes, err error) {
	switch {
	case err == nil:
		f.complaint = ""
		f.Logger.Info("The tenants file was read", zap.String("file", f.Path), zap.Int("added", changes.Added),
			zap.Int("removed", changes.Removed), zap.Int("changed", changes.Changed))
	case err.Error() != f.complaint:
		f.complaint = err.Error()
		f.Logger.Error("The tenants file cannot be used: the last good list stays in use until it is mended",
			zap.String("file", f.Path), zap.Error(err))
	}
}
