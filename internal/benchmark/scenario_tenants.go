package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	idleInterval    = time.Minute
	idleConcurrency = 64
	// steadyFor is how long the collector is watched once every tenant was polled.
	steadyFor = time.Minute
)

// idleRun is what a number of tenants cost that have nothing new.
type idleRun struct {
	start        stats
	cores        float64 // of CPU, once all were polled
	requests     float64 // a second
	transactions float64 // a second
	memory       int64   // at its peak, in bytes
	resident     int64
}

// idleRuns keeps runs, since two scenarios read them.
type idleRuns map[int]*idleRun

func (rs idleRuns) of(ctx context.Context, o options, tenants int) (*idleRun, error) {
	if rs[tenants] == nil {
		r, err := runIdle(ctx, o, tenants)
		if err != nil {
			return nil, err
		}
		rs[tenants] = r
	}
	return rs[tenants], nil
}

func runIdle(ctx context.Context, o options, tenants int) (r *idleRun, err error) {
	d, err := deploy(ctx, o, content{tenants: tenants, latency: o.latency},
		setting{interval: idleInterval, concurrency: idleConcurrency, pageSize: o.page, exporter: "nop"})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.end()) }()
	r = &idleRun{}
	if r.start, err = d.until(ctx, func(st stats) bool { return st.Tenants == tenants }); err != nil {
		return nil, err
	}
	return r, d.steady(ctx, o, r)
}

// steady watches the collector while it does nothing but poll.
func (d *deployment) steady(ctx context.Context, o options, r *idleRun) error {
	cpuBefore, cpuErr := cpuOf(d.pid())
	writtenBefore, writtenErr := d.transactions()
	if err := errors.Join(cpuErr, writtenErr); err != nil {
		return err
	}
	before, err := d.stats(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	profiled := make(chan error, 1)
	go func() { profiled <- d.profile(ctx, o, steadyFor/2) }()
	if err := errors.Join(d.scrape(ctx, steadyFor), <-profiled); err != nil {
		return err
	}
	took := time.Since(began).Seconds()
	cpuAfter, cpuErr := cpuOf(d.pid())
	written, writtenErr := d.transactions()
	after, err := d.stats(ctx)
	if err := errors.Join(cpuErr, writtenErr, err); err != nil {
		return err
	}
	r.cores = (cpuAfter - cpuBefore).Seconds() / took
	r.transactions = float64(written-writtenBefore) / took
	r.requests = float64(after.Requests-before.Requests) / took
	r.memory, r.resident = peak(d.pid()), resident(d.pid())
	return nil
}

// start is how long it takes until each tenant has been polled once.
func (rs idleRuns) start(ctx context.Context, o options) error {
	for _, c := range []struct {
		tenants int
		goal    string
	}{{1_000, "≤ 20 s, ≤ 250 requests/s"}, {10_000, "≤ 150 s, ≤ 250 requests/s"}} {
		r, err := rs.of(ctx, o, c.tenants)
		if err != nil {
			return err
		}
		report(fmt.Sprintf("start, each of %d tenants polled once", c.tenants), c.goal, "%.1f s, at most %d requests in any second", r.start.Start, r.start.Busiest)
	}
	return nil
}

// tenants is what they cost afterwards.
func (rs idleRuns) tenants(ctx context.Context, o options) error {
	if n := o.content.tenants; n > 0 {
		_, err := rs.report(ctx, o, n)
		return err
	}
	var runs []*idleRun
	for _, n := range []int{1_000, 5_000, 10_000} {
		r, err := rs.report(ctx, o, n)
		if err != nil {
			return err
		}
		runs = append(runs, r)
	}
	each := func(a, b *idleRun, tenants int) float64 { return float64(b.memory-a.memory) / 1024 / float64(tenants) }
	report("each further idle tenant: peak RSS", "≤ 24 KiB, linear", "%.1f KiB up to 5,000, %.1f KiB up to 10,000",
		each(runs[0], runs[1], 4_000), each(runs[1], runs[2], 5_000))
	return nil
}

func (rs idleRuns) report(ctx context.Context, o options, tenants int) (*idleRun, error) {
	r, err := rs.of(ctx, o, tenants)
	if err != nil {
		return nil, err
	}
	report(fmt.Sprintf("%d idle tenants: CPU / peak RSS", tenants), goalOf(tenants), "%.3f cores / %.0f MiB (%.0f polls/s, %.0f MiB at the end)",
		r.cores, mib(r.memory), r.requests, mib(r.resident))
	report(fmt.Sprintf("%d idle tenants: storage transactions", tenants), "≤ 20/s", "%.1f/s", r.transactions)
	return r, nil
}

func goalOf(tenants int) string {
	if tenants == 10_000 {
		return "≤ 0.5 cores / ≤ 350 MiB"
	}
	return "linear"
}
