package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
	"time"
)

// options are the command line.
type options struct {
	collector string
	alerts    int
	rounds    int

	// as makes this process one of the programs that are measured, which reads from url.
	as, url, ca, authority string
	page                   int
	profile                string

	// only are the scenarios that are run, with commas between; empty for all.
	only    string
	latency time.Duration
	backlog int
	// content and dir are of the stand-in.
	content content
	dir     string
}

func main() {
	var o options
	flag.StringVar(&o.collector, "collector", "bin/otelcol-defender", "the collector's `binary`")
	flag.IntVar(&o.alerts, "alerts", 50_000, "the `number` of alerts that each program reads")
	flag.IntVar(&o.rounds, "rounds", 3, "how many `times` each program runs, in turn with the others")
	flag.StringVar(&o.as, "as", "", "be one of the `programs` that are measured, floor, baseline or receiver, or api, the stand-in for Microsoft")
	flag.StringVar(&o.url, "url", "", "with -as, where the alerts are")
	flag.StringVar(&o.ca, "ca", "", "with -as, the `file` with the certificate authority of the sign-in")
	flag.StringVar(&o.authority, "authority", "", "with -as, the sign-in")
	flag.IntVar(&o.page, "page", 10_000, "with -as, the records of a page")
	flag.StringVar(&o.profile, "profile", "", "write the CPU profile of each program to a `file` of this name and the program's")
	flag.StringVar(&o.only, "only", "", "the `scenarios` to run, with commas between: programs, pages, start, tenants, delay; all without it")
	flag.IntVar(&o.backlog, "backlog", -1, "the `number` of the only backlog that pages runs, from 0; all without it")
	flag.DurationVar(&o.latency, "latency", 20*time.Millisecond, "how long the stand-in takes for an answer to idle tenants")
	flag.StringVar(&o.dir, "dir", "", "with -as api, where the certificate is written")
	flag.IntVar(&o.content.tenants, "tenants", 0, "with -as api, the number of tenants; otherwise the only number of idle ones that tenants runs")
	flag.DurationVar(&o.content.during, "during", 0, "with -as api, over how long the alerts become visible")
	flag.Parse()
	o.content.alerts, o.content.latency = o.alerts, o.latency
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := profiled(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "benchmark:", err)
		os.Exit(1)
	}
}

func profiled(ctx context.Context, o options) error {
	if o.profile == "" || o.as == "" {
		return run(ctx, o)
	}
	f, err := os.Create(o.profile)
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return errors.Join(err, f.Close())
	}
	err = run(ctx, o)
	pprof.StopCPUProfile()
	return errors.Join(err, f.Close())
}

func run(ctx context.Context, o options) error {
	switch o.as {
	case "":
		return runScenarios(ctx, o)
	case "api":
		return standInMain(ctx, o)
	case "floor":
		return readPages(ctx, o, floor)
	case "baseline":
		return readPages(ctx, o, baseline)
	case "receiver":
		return receive(ctx, o)
	default:
		return fmt.Errorf("-as takes floor, baseline, receiver or api, not %q", o.as)
	}
}
