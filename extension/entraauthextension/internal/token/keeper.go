package token

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"
)

// Options set up a Keeper.
type Options struct {
	Now func() time.Time
	// Recheck is the interval after which a refusal may be asked again.
	Recheck time.Duration
	// Timeout bounds one acquisition, however long callers would wait.
	Timeout time.Duration
}

// Keeper runs the acquisitions of all tenants, apart from the requests that caused them.
type Keeper struct {
	opts   Options
	ctx    context.Context //nolint:containedctx // the life of the keeper, not of a request
	cancel context.CancelFunc

	mu     sync.Mutex
	closed bool
	wg     sync.WaitGroup
}

var errClosed = errors.New("the extension has been shut down")

// NewKeeper returns a keeper; Close ends it.
func NewKeeper(opts Options) *Keeper {
	k := &Keeper{opts: opts}
	k.ctx, k.cancel = context.WithCancel(context.Background())
	return k
}

// Close ends the acquisitions under way and waits for them. It may be called again.
func (k *Keeper) Close() {
	k.mu.Lock()
	k.closed = true
	k.mu.Unlock()
	k.cancel()
	k.wg.Wait()
}

// run calls f in a goroutine of its own, and reports false after Close.
func (k *Keeper) run(f func(ctx context.Context)) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return false
	}
	k.wg.Go(func() {
		ctx, cancel := context.WithTimeout(k.ctx, k.opts.Timeout)
		defer cancel()
		f(ctx)
	})
	return true
}

// Tenant returns an empty store for one tenant's tokens. The logger names the tenant.
func (k *Keeper) Tenant(fetch Fetch, advise Advise, logger *zap.Logger) *Tokens {
	return &Tokens{keeper: k, fetch: fetch, advise: advise, logger: logger}
}
