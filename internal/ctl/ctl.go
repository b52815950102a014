// Package ctl is the command defenderctl: it reads a collector's configuration and helps to get tenants in. Each command
// is a file of its own; what they have in common is below this package.
package ctl

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/otelcol-defender/otelcol-defender/internal/ctl/terminal"
)

// Exit statuses.
const (
	// Wrong: the command has done its work, and something is wrong.
	Wrong = 1
	// Unusable: the configuration or the command line cannot be used.
	Unusable = 2
	// Interrupted: as shells have it for a command that Ctrl-C ended.
	Interrupted = 130
)

// Program is a running defenderctl.
type Program struct {
	Stdout, Stderr terminal.Output
	Build          component.BuildInfo
	// Open opens a link in the user's browser.
	Open func(ctx context.Context, link string) error
	// Rhythm is how often a consent is tried that has not taken effect, 15 s if zero.
	Rhythm time.Duration
	// Limit ends the wait for a browser, context.WithTimeoutCause if nil.
	Limit func(ctx context.Context, timeout time.Duration, cause error) (context.Context, context.CancelFunc)
}

// command is one of the commands.
type command struct {
	name    string
	summary string
	// about is the help text after the first line, with examples.
	about string
	// flags declares the flags, and returns what is called once they are set.
	flags func(f *flag.FlagSet) action
}

// action does the work of a command.
type action func(ctx context.Context, p *Program) error

// exitError ends the program with a status other than Unusable. What there is to say has been said if err is nil.
type exitError struct {
	status int
	err    error
}

func (e *exitError) Error() string { return fmt.Sprint(e.err) }
func (e *exitError) Unwrap() error { return e.err }

// Run runs a command line without the program's name, and returns the exit status.
func (p *Program) Run(ctx context.Context, args []string) int {
	err := p.run(ctx, args)
	var exit *exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		if exit.err != nil {
			p.complain(exit.err)
		}
		return exit.status
	case ctx.Err() != nil:
		p.complain(errors.New("interrupted"))
		return Interrupted
	default:
		p.complain(err)
		return Unusable
	}
}

// complain prints each of joined errors on a line of its own.
func (p *Program) complain(err error) {
	for line := range strings.SplitSeq(strings.TrimSpace(err.Error()), "\n") {
		_, _ = fmt.Fprintln(p.Stderr, p.Stderr.Paint(terminal.Red, "defenderctl:"), line)
	}
}

func (p *Program) run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		_, _ = fmt.Fprint(p.Stderr, overview())
		return &exitError{status: Unusable}
	}
	name, rest := args[0], args[1:]
	switch name {
	case "help", "--help", "-help", "-h":
		return p.help(rest)
	case "version", "--version", "-version":
		_, _ = fmt.Fprintln(p.Stdout, "defenderctl", p.Build.Version)
		return nil
	}
	cmd, err := find(name)
	if err != nil {
		return err
	}
	set := flag.NewFlagSet(cmd.name, flag.ContinueOnError)
	set.SetOutput(discard{})
	act := cmd.flags(set)
	switch err := set.Parse(rest); {
	case errors.Is(err, flag.ErrHelp):
		return p.help([]string{cmd.name})
	case err != nil:
		return fmt.Errorf("%s: %w: see defenderctl %s --help", cmd.name, err, cmd.name)
	case set.NArg() > 0:
		return fmt.Errorf("%s takes no argument %q: see defenderctl %s --help", cmd.name, set.Arg(0), cmd.name)
	}
	return act(ctx, p)
}

// discard keeps the flag package's own words to itself.
type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
