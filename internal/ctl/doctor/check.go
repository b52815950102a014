package doctor

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver"
)

// job is one source of one tenant to be checked.
type job struct {
	receiver  component.ID
	tenant    entraauth.Tenant
	ask       defenderreceiver.Ask
	inspector entraauth.Inspector
	prober    *defenderreceiver.Prober
}

// pending is the check before it was made.
func (j *job) pending() Check {
	c := Check{
		Receiver: j.receiver.String(), Tenant: j.tenant.Name, TenantID: j.tenant.ID, Cloud: j.tenant.Cloud,
		Source: j.ask.Source, Status: NotChecked, Scope: j.ask.Scope, RolesNeeded: j.ask.Roles,
	}
	for _, l := range j.ask.Limits {
		c.Quota = append(c.Quota, Quota{l.Requests, l.Window.Seconds()})
	}
	if j.ask.NotOffered != "" {
		c.Status, c.Cause = NotOffered, j.ask.NotOffered
	}
	return c
}

// run gets the token and, where there is one, asks the API for a record. A check that ctx ended was not made.
func (j *job) run(ctx context.Context) Check {
	c := j.pending()
	if c.Status == NotOffered {
		return c
	}
	info, err := j.inspector.Inspect(ctx, j.tenant.ID, j.ask.Scope)
	if ctx.Err() != nil {
		return c
	}
	if err != nil {
		c.Status, c.Finding = Problem, refusal(err)
		return c
	}
	c.Token = &Token{
		Readable: info.Readable, TenantID: info.TenantID, Roles: info.Roles, Delegated: info.Delegated, Expires: info.Expires.UTC().Truncate(time.Second),
	}
	probe := j.prober.Probe(ctx, j.tenant, j.ask.Source)
	if ctx.Err() != nil {
		return c
	}
	c.judge(probe, j.ask)
	return c
}

// judge draws the conclusions of the API's answer.
func (c *Check) judge(probe defenderreceiver.Probe, ask defenderreceiver.Ask) {
	c.Status = OK
	if probe.Reason != "" {
		c.Status = Problem
		c.Finding = Finding{Reason: probe.Reason, ErrorCode: probe.Code, Cause: probe.Cause, Next: probe.Action}
	}
	if !probe.Answered {
		return
	}
	c.Read = &Read{
		Endpoint: ask.Endpoint, Records: probe.Records, Milliseconds: probe.Took.Milliseconds(),
		ClockOffset: probe.ClockOffset.Seconds(), RetryAfter: probe.RetryAfter.Seconds(), QuotaUsed: probe.QuotaUsed,
	}
	if !probe.Newest.IsZero() {
		newest := probe.Newest.UTC()
		c.Read.Newest = &newest
	}
}

// refusal is why there is no token.
func refusal(err error) Finding {
	refused, ok := errors.AsType[*entraauth.Error](err)
	if !ok {
		return Finding{Reason: "internal", Cause: err.Error(), Next: "the provider reports this"}
	}
	f := Finding{Reason: string(refused.Reason), ErrorCode: refused.Code, Next: refused.Advice}
	if refused.Err != nil {
		f.Cause = refused.Err.Error()
	}
	return f
}

// clockAlarm is how far a clock may be off before the receiver warns of it.
const clockAlarm = time.Minute

// clockOf judges this machine's clock by the API that agrees with it most: one that is off alone is wrong itself.
func clockOf(checks []Check) Clock {
	clock, known := Clock{Status: NotChecked}, false
	for i := range checks {
		read := checks[i].Read
		if read != nil && (!known || abs(read.ClockOffset) < abs(clock.Offset)) {
			clock, known = Clock{Status: OK, Offset: read.ClockOffset}, true
		}
	}
	if abs(clock.Offset) > clockAlarm.Seconds() {
		clock.Status = Problem
		clock.Finding = Finding{
			Reason: "clock", Cause: "the clock of this machine differs from the APIs' by " + seconds(clock.Offset).Abs().String(),
			Next: "the provider sets the clock of this machine, or lets it be set by NTP",
		}
	}
	return clock
}

func abs(f float64) float64 { return max(f, -f) }

func seconds(f float64) time.Duration { return time.Duration(f * float64(time.Second)) }
