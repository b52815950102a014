package doctor

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/otelcol-defender/otelcol-defender/internal/ctl/deployment"
)

// Options say what is checked, and how.
type Options struct {
	// Tenants are names or ids, and Sources keys; all if empty.
	Tenants, Sources []string
	// Parallel is how many checks are made at a time.
	Parallel int
	// Begin is told how many checks there will be, and Step of each that is done.
	Begin func(checks int)
	Step  func()
}

// Run makes every check. Where ctx ends before, the rest is NotChecked.
func Run(ctx context.Context, running *deployment.Running, o Options) (*Report, error) {
	p := newPlan(o)
	defer p.close()
	if err := p.make(ctx, running); err != nil {
		return nil, err
	}
	jobs := p.jobs
	report := &Report{Time: time.Now().UTC().Truncate(time.Second), Checks: make([]Check, len(jobs)), Gaps: p.gaps}
	o.Begin(len(jobs))
	var workers errgroup.Group
	workers.SetLimit(o.Parallel)
	for i := range jobs {
		workers.Go(func() error {
			report.Checks[i] = jobs[i].run(ctx)
			o.Step()
			return nil
		})
	}
	_ = workers.Wait() // no check is an error
	report.Clock = clockOf(report.Checks)
	report.Credentials = credentials(running, report.Time)
	report.summarize()
	return report, nil
}
