package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"text/tabwriter"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim"
)

const clientID, clientSecret = cloudsim.ClientID, cloudsim.ClientSecret

// contender is one of the programs that take turns.
type contender struct {
	name string
	run  func(context.Context) (figures, error)
}

// compare runs everything and prints what it took.
func compare(ctx context.Context, o options) (err error) {
	s, err := newStage(1, o.alerts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	bare, err := newStage(1, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bare.close()) }()
	fmt.Printf("%d alerts of %d bytes, pages of %d; medians of %d rounds\n\n", o.alerts, s.feeds[tenantID(0)].meanSize(), o.page, o.rounds)

	program := func(name string) contender {
		return contender{name, func(ctx context.Context) (figures, error) { return s.program(ctx, o, name) }}
	}
	collector := func(name string, on *stage, w way) contender {
		return contender{name, func(ctx context.Context) (figures, error) { return on.collect(ctx, o, w) }}
	}
	contenders := []contender{
		program("floor"), program("baseline"), program("receiver"),
		collector("collector, no alerts", bare, way{exporter: "nop", page: o.page}),
		collector("collector to nop", s, way{exporter: "nop", page: o.page}),
		collector("collector to nop, HTTPS and gzip", s, way{exporter: "nop", page: o.page, secure: true}),
		collector("collector to file", s, way{exporter: "file", page: o.page}),
	}
	results := map[string][]figures{}
	for range o.rounds {
		for _, c := range contenders {
			f, err := c.run(ctx)
			if err != nil {
				return err
			}
			results[c.name] = append(results[c.name], f)
		}
	}
	return table(o, s, contenders, results)
}

func table(o options, s *stage, contenders []contender, results map[string][]figures) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "program\tCPU s per 100,000\tof the floor\tof the baseline\tpeak memory\tallocations a record\tbytes of its size")
	cpu := func(name string) float64 {
		return median(results[name], func(f figures) float64 { return f.cpu.Seconds() }) * 100_000 / float64(o.alerts)
	}
	size := float64(s.feeds[tenantID(0)].meanSize())
	for _, c := range contenders {
		of := results[c.name]
		each := func(total func(figures) float64) string {
			if of[0].Records == 0 {
				return ""
			}
			return fmt.Sprintf("%.1f", median(of, func(f figures) float64 { return total(f) / float64(f.Records) }))
		}
		_, _ = fmt.Fprintf(w, "%s\t%.2f\t%.2f\t%.2f\t%.0f MiB\t%s\t%s\n", c.name, cpu(c.name), cpu(c.name)/cpu("floor"), cpu(c.name)/cpu("baseline"),
			median(of, func(f figures) float64 { return float64(f.Peak) })/(1<<20),
			each(func(f figures) float64 { return float64(f.Allocs) }),
			each(func(f figures) float64 { return float64(f.Bytes) / size }))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Println()
	record := func(total func(figures) float64) float64 {
		return median(results["receiver"], func(f figures) float64 { return total(f) / float64(max(1, f.Records)) })
	}
	report("the receiver's CPU, of the floor", "≤ 1.5", "%.2f", cpu("receiver")/cpu("floor"))
	report("the same, of the baseline", "≤ 0.167", "%.3f", cpu("receiver")/cpu("baseline"))
	report("the collector to nop, CPU s per 100,000", "≤ 2.3", "%.2f", cpu("collector to nop"))
	report("the collector to file, CPU s per 100,000", "≤ 6.5", "%.2f", cpu("collector to file"))
	report("HTTPS and gzip, of plain", "≤ 2", "%.2f", cpu("collector to nop, HTTPS and gzip")/cpu("collector to nop"))
	report("allocations of a record", "≤ 60", "%.1f", record(func(f figures) float64 { return float64(f.Allocs) }))
	report("bytes allocated, of its text", "≤ 2.5", "%.2f", record(func(f figures) float64 { return float64(f.Bytes) / size }))
	return nil
}

func median(of []figures, value func(figures) float64) float64 {
	var values []float64
	for _, f := range of {
		values = append(values, value(f))
	}
	slices.Sort(values)
	return values[len(values)/2]
}
