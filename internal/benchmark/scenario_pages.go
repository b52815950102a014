package main

import (
	"context"
	"errors"
	"time"
)

// backlog is how much some tenants have at the first poll.
type backlog struct {
	figure, goal    string
	tenants, alerts int
	pageSize        int
}

func backlogs() []backlog {
	return []backlog{
		{"one page of 10,000: peak RSS", "≤ 110 MiB", 1, 9_999, 10_000},
		{"ten pages of 10,000: peak RSS", "≤ 128 MiB", 1, 99_999, 10_000},
		{"the same in pages of 2,000: peak RSS", "≤ 128 MiB", 1, 99_999, 2_000},
		{"20 tenants with 5,000 each at once: peak RSS", "≤ 160 MiB", 20, 5_000, 10_000},
		{"50 tenants with 5,000 each at once: peak RSS", "≤ 160 MiB", 50, 5_000, 10_000},
	}
}

// pagesScenario measures the memory that a backlog takes.
func pagesScenario(ctx context.Context, o options) error {
	for i, b := range backlogs() {
		if o.backlog >= 0 && o.backlog != i {
			continue
		}
		if err := runBacklog(ctx, o, b); err != nil {
			return err
		}
	}
	return nil
}

func runBacklog(ctx context.Context, o options, b backlog) (err error) {
	d, err := deploy(ctx, o, content{tenants: b.tenants, alerts: b.alerts},
		setting{interval: 5 * time.Second, concurrency: idleConcurrency, pageSize: b.pageSize, exporter: "nop"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.end()) }()
	total := b.tenants * b.alerts
	if _, err := d.until(ctx, func(st stats) bool { return st.Records >= total/2 }); err != nil {
		return err
	}
	if err := d.profile(ctx, o, time.Second); err != nil {
		return err
	}
	st, err := d.until(ctx, func(st stats) bool { return st.Records >= total })
	if err != nil {
		return err
	}
	more := st.Pages + 2*b.tenants // the polls after it must be smaller
	if _, err := d.until(ctx, func(st stats) bool { return st.Pages >= more }); err != nil {
		return err
	}
	taken, err := cpuOf(d.pid())
	if err != nil {
		return err
	}
	report(b.figure, b.goal, "%.0f MiB (%.2f s of CPU, alerts of %d bytes)", mib(peak(d.pid())), taken.Seconds(), st.Bytes/st.Records)
	return nil
}
