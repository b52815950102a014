package api

import (
	"context"
	"errors"
	"sync"
	"time"
)

var errTimeout = errors.New("no complete answer within `timeout`")

// stopwatch ends a context after a time in which it ran; it can be paused.
type stopwatch struct {
	cancel context.CancelCauseFunc

	mu      sync.Mutex
	timer   *time.Timer
	left    time.Duration
	started time.Time
}

func newStopwatch(parent context.Context, limit time.Duration) (context.Context, *stopwatch) {
	ctx, cancel := context.WithCancelCause(parent)
	w := &stopwatch{cancel: cancel, left: limit, started: time.Now()}
	w.timer = time.AfterFunc(limit, func() { cancel(errTimeout) })
	return ctx, w
}

// outside runs work with the clock stopped.
func (w *stopwatch) outside(work func() error) error {
	w.pause()
	defer w.resume()
	return work()
}

func (w *stopwatch) pause() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer.Stop()
	w.left -= time.Since(w.started)
}

func (w *stopwatch) resume() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.started = time.Now()
	w.timer.Reset(max(0, w.left))
}

func (w *stopwatch) end() {
	w.timer.Stop()
	w.cancel(context.Canceled)
}
