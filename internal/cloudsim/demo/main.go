// Command demo starts a simulated Microsoft cloud with a few tenants and the collector beside it, so that alerts appear
// on the screen without any account. `make run` runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// options are the command line.
type options struct {
	collector, config string
	// alerts ends the demo after so many; 0 runs until it is interrupted.
	alerts  int
	timeout time.Duration
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.collector, "collector", "bin/otelcol-defender", "the collector's `binary`")
	flags.StringVar(&o.config, "config", "testdata/demo/collector.yaml", "the collector's configuration `file`")
	flags.IntVar(&o.alerts, "alerts", 0, "end successfully after this `number` of alerts; 0 runs until interrupted")
	flags.DurationVar(&o.timeout, "timeout", time.Minute, "with -alerts, fail after this long")
	return o, flags.Parse(args)
}

// What ends the demo before it is interrupted.
var (
	errEnough = errors.New("all alerts seen")
	errTooFew = errors.New("too few alerts in the time given")
)

// run shows the demo until ctx ends, which is a success, or until it has shown enough.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "otelcol-defender-demo-")
	if err != nil {
		return fmt.Errorf("creating a temporary folder: %w", err)
	}
	return errors.Join(show(ctx, o, dir, stdout, stderr), os.RemoveAll(dir))
}

func show(ctx context.Context, o options, dir string, stdout, stderr io.Writer) (err error) {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	if o.alerts > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, o.timeout, errTooFew)
		defer cancel()
	}
	s, err := raise(ctx, dir)
	if err != nil {
		return err
	}
	defer func() {
		end(nil)
		err = errors.Join(err, s.close())
	}()
	welcome(stdout)
	screen := &screen{out: stdout, want: o.alerts, enough: func() { end(errEnough) }}
	return s.collect(ctx, o, screen, stderr)
}

func welcome(stdout io.Writer) {
	_, _ = fmt.Fprint(stdout, `A simulated Microsoft cloud is running, with six customer tenants, and a collector that polls them all:
contoso, fabrikam, adatum and northwind have alerts, one line for each new version; tailspin has not consented
and wingtip has a wrong secret, which the collector says once and goes on. Ctrl-C ends everything.

`)
}
