package doctor

import (
	"context"
	"errors"
	"fmt"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/internal/ctl/deployment"
)

// plan is what there is to check, and what no check covers.
type plan struct {
	tenants, sources *choice
	jobs             []job
	gaps             []Gap
	closers          []func()
}

func newPlan(o Options) *plan {
	return &plan{tenants: newChoice(o.Tenants), sources: newChoice(o.Sources)}
}

// close is to be called in any case.
func (p *plan) close() {
	for _, f := range p.closers {
		f()
	}
}

func (p *plan) make(ctx context.Context, running *deployment.Running) error {
	polled := map[string]bool{} // by the tenant's id
	for _, receiver := range running.Receivers {
		if err := p.receiver(ctx, running, receiver, polled); err != nil {
			return err
		}
	}
	p.unpolled(running, polled)
	if len(p.jobs) == 0 && len(p.gaps) == 0 {
		p.gaps = []Gap{{Finding: nothing(len(polled) > 0)}}
	}
	return errors.Join(
		p.tenants.unmatched("--tenant %s: no enabled tenant of the configuration has that name or id"),
		p.sources.unmatched("--source %s: no defender receiver of the configuration has that source"))
}

func (p *plan) receiver(ctx context.Context, running *deployment.Running, receiver deployment.Receiver, polled map[string]bool) error {
	prober, err := running.Prober(ctx, receiver)
	if err != nil {
		return err
	}
	p.closers = append(p.closers, prober.Close)
	inspector, ok := running.GetExtensions()[receiver.Auth()].(entraauth.Inspector)
	if !ok {
		return fmt.Errorf("extension %s cannot be asked about tokens", receiver.Auth())
	}
	for key := range receiver.Config.Sources {
		p.sources.takes(key) // also where there is no tenant to read it from
	}
	for _, tenant := range running.List(receiver.Auth()) {
		wanted := p.tenants.takes(tenant.Name, tenant.ID)
		for _, ask := range receiver.Config.Asks(tenant) {
			polled[tenant.ID] = true
			if p.sources.takes(ask.Source) && wanted {
				p.jobs = append(p.jobs, job{receiver.ID, tenant, ask, inspector, prober})
			}
		}
	}
	return nil
}

// unpolled finds the tenants of extensions that no receiver names.
func (p *plan) unpolled(running *deployment.Running, polled map[string]bool) {
	for _, extension := range running.Tenants {
		for _, tenant := range running.List(extension.ID) {
			if p.tenants.takes(tenant.Name, tenant.ID) && !polled[tenant.ID] {
				p.gaps = append(p.gaps, Gap{extension.ID.String(), tenant.Name, tenant.ID, notPolled(extension.ID.String())})
			}
		}
	}
}
