package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// patience is how long the collector may take to end; it promises 10 s.
const patience = 15 * time.Second

// errEnded says that the collector ended by itself.
var errEnded = errors.New("the collector ended by itself")

// collect runs the collector until ctx ends. It is interrupted even where the terminal interrupts it as well: a second
// signal changes nothing.
func (s *stage) collect(ctx context.Context, o options, stdout, stderr io.Writer) error {
	cmd := exec.CommandContext(ctx, o.collector, "--config", o.config) //nolint:gosec // the user names the binary
	cmd.Env = append(os.Environ(), s.environment...)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = patience
	err := cmd.Run()
	if ctx.Err() == nil {
		return errors.Join(errEnded, err)
	}
	if errors.Is(context.Cause(ctx), errTooFew) {
		return errTooFew
	}
	// Run reports the end of the context, which was wanted; the exit status tells whether the collector ended well.
	if cmd.ProcessState != nil && !cmd.ProcessState.Success() {
		return fmt.Errorf("ending the collector: %s", cmd.ProcessState)
	}
	return nil
}
