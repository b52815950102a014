package main

import (
	"context"
	"errors"
	"time"
)

const (
	delayTenants = 300
	delayAlerts  = 5 // of each tenant
)

// delayScenario measures how long an alert takes from its update time to the exporter's destination.
func delayScenario(ctx context.Context, o options) (err error) {
	const during = 40 * time.Second
	d, err := deploy(ctx, o, content{tenants: delayTenants, alerts: delayAlerts, during: during, latency: o.latency},
		setting{interval: 5 * time.Second, concurrency: idleConcurrency, pageSize: o.page, exporter: "otlp_http"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.end()) }()
	ctx, cancel := context.WithTimeout(ctx, settling+2*during)
	defer cancel()
	st, err := d.until(ctx, func(st stats) bool { return len(st.Delays) >= delayTenants*delayAlerts })
	if err != nil {
		return err
	}
	report("delay at 300 tenants polled every 5 s: median", "≤ 3 s", "%.2f s", quantile(st.Delays, 0.5))
	report("delay at 300 tenants polled every 5 s: p99", "≤ 6 s", "%.2f s", quantile(st.Delays, 0.99))
	return nil
}
