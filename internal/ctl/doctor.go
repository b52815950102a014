package ctl

import (
	"context"
	"encoding/json"
	"errors"
	"flag"

	"github.com/otelcol-defender/otelcol-defender/internal/ctl/deployment"
	"github.com/otelcol-defender/otelcol-defender/internal/ctl/doctor"
	"github.com/otelcol-defender/otelcol-defender/internal/ctl/terminal"
)

const (
	defaultParallel = 16
	maxParallel     = 256
)

// doctorFlags are those of defenderctl doctor.
type doctorFlags struct {
	common
	sources  list
	parallel int
	json     bool
}

func doctorCommand() command {
	return command{
		name: "doctor", summary: "check each tenant and source: token, permissions, one record, and what to do next",
		about: `
It gets one token for each API of a tenant and reads one record from each source, with the components of the collector
itself. It may run beside the collector, whose quota it shares. It changes nothing at Microsoft; of a tenant whose user
signs in it renews the refresh token and stores the new one, as the collector does. Run it as the user that the
collector runs as, since the file of the storage belongs to it.

It fails with status 1 where something is wrong, a tenant is polled by no receiver, or there is nothing to check.

Examples:
  defenderctl doctor --config config.yaml
  defenderctl doctor --config config.yaml --tenant contoso --source graph_alerts
  defenderctl doctor --config config.yaml --json | jq '.checks[] | select(.status == "problem")'
`,
		flags: func(f *flag.FlagSet) action {
			var o doctorFlags
			o.declare(f)
			f.Var(&o.sources, "source", "`KEY` of a source, such as graph_alerts; may be repeated")
			f.IntVar(&o.parallel, "parallel", defaultParallel, "`NUMBER` of checks at a time, up to 256")
			f.BoolVar(&o.json, "json", false, "print the report as JSON")
			return o.run
		},
	}
}

func (o *doctorFlags) run(ctx context.Context, p *Program) error {
	if o.parallel < 1 || o.parallel > maxParallel {
		return errors.New("--parallel takes a number from 1 to 256")
	}
	d, err := o.load(ctx, p)
	if err != nil {
		return err
	}
	if len(d.Receivers) == 0 {
		return errors.New("no pipeline of the configuration has a defender receiver: there is nothing to check")
	}
	running, err := o.start(ctx, p, d)
	if err != nil {
		return err
	}
	report, err := o.check(ctx, p, running)
	if err := errors.Join(err, running.Close(context.WithoutCancel(ctx))); err != nil {
		return err
	}
	if err := o.print(p, report); err != nil {
		return err
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case !report.Healthy():
		return &exitError{status: Wrong}
	default:
		return nil
	}
}

// check shows a bar while it works, unless log lines would run through it.
func (o *doctorFlags) check(ctx context.Context, p *Program, running *deployment.Running) (*doctor.Report, error) {
	out := p.Stderr
	out.Terminal = out.Terminal && !o.verbose
	var bar *terminal.Progress
	report, err := doctor.Run(ctx, running, doctor.Options{
		Tenants: o.tenants, Sources: o.sources, Parallel: o.parallel,
		Begin: func(checks int) { bar = terminal.NewProgress(out, checks, "checks") },
		Step:  func() { bar.Step() },
	})
	if bar != nil {
		bar.End()
	}
	return report, err
}

func (o *doctorFlags) print(p *Program, report *doctor.Report) error {
	if !o.json {
		report.Table(p.Stdout)
		return nil
	}
	return printJSON(p, report)
}

func printJSON(p *Program, value any) error {
	encoder := json.NewEncoder(p.Stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
