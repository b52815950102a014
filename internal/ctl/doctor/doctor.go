package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
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
	jobs, closeAll, err := plan(ctx, running, o)
	defer closeAll()
	if err != nil {
		return nil, err
	}
	report := &Report{Time: time.Now().UTC().Truncate(time.Second), Checks: make([]Check, len(jobs))}
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

// plan lists what there is to check. closeAll is to be called in any case.
func plan(ctx context.Context, running *deployment.Running, o Options) (jobs []job, closeAll func(), err error) {
	var closers []func()
	closeAll = func() {
		for _, f := range closers {
			f()
		}
	}
	tenants, sources := newChoice(o.Tenants), newChoice(o.Sources)
	for _, receiver := range running.Receivers {
		prober, err := running.Prober(ctx, receiver)
		if err != nil {
			return nil, closeAll, err
		}
		closers = append(closers, prober.Close)
		inspector, ok := running.GetExtensions()[receiver.Auth()].(entraauth.Inspector)
		if !ok {
			return nil, closeAll, fmt.Errorf("extension %s cannot be asked about tokens", receiver.Auth())
		}
		for _, tenant := range running.List(receiver.Auth()) {
			wanted := tenants.takes(tenant.Name, tenant.ID)
			for _, ask := range receiver.Config.Asks(tenant) {
				if sources.takes(ask.Source) && wanted {
					jobs = append(jobs, job{receiver.ID, tenant, ask, inspector, prober})
				}
			}
		}
	}
	return jobs, closeAll, errors.Join(
		tenants.unmatched("--tenant %s: no enabled tenant of the configuration has that name or id"),
		sources.unmatched("--source %s: no defender receiver of the configuration has that source"))
}
