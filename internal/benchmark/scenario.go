package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
)

// scenario measures the figures of one promise.
type scenario struct {
	name string
	run  func(context.Context, options) error
}

func scenarios() []scenario {
	idle := idleRuns{}
	return []scenario{
		{"programs", compare},
		{"pages", pagesScenario},
		{"start", idle.start},
		{"tenants", idle.tenants},
		{"delay", delayScenario},
	}
}

// runScenarios runs those that were asked for, or all.
func runScenarios(ctx context.Context, o options) error {
	all := scenarios()
	only, err := chosen(all, o.only)
	if err != nil {
		return err
	}
	fmt.Printf("%s, %s/%s, %d processors\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	for _, s := range all {
		if len(only) > 0 && !slices.Contains(only, s.name) {
			continue
		}
		fmt.Printf("\n%s\n", s.name)
		if err := s.run(ctx, o); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// chosen are the names of those that were asked for, none for all.
func chosen(all []scenario, list string) ([]string, error) {
	if list == "" {
		return nil, nil
	}
	only := strings.Split(list, ",")
	for _, name := range only {
		if !slices.ContainsFunc(all, func(s scenario) bool { return s.name == name }) {
			return nil, fmt.Errorf("-only takes programs, pages, start, tenants and delay, not %q", name)
		}
	}
	return only, nil
}

// report prints a figure beside its goal.
func report(figure, goal, format string, measured ...any) {
	fmt.Printf("%s | %s | %s\n", figure, goal, fmt.Sprintf(format, measured...))
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }
