package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// profile takes the collector's profiles while it runs, where they are wanted.
func (d *deployment) profile(ctx context.Context, o options, during time.Duration) error {
	if o.profile == "" {
		return nil
	}
	var errs []error
	for _, p := range []struct{ name, path string }{
		{"cpu", fmt.Sprintf("profile?seconds=%d", int(during.Seconds()))}, {"heap", "heap"}, {"memory", "heap?debug=1"}, {"mutex", "mutex"}, {"goroutine", "goroutine"},
	} {
		text, err := d.get(ctx, d.profiles+p.path)
		errs = append(errs, err, os.WriteFile(o.profile+"."+p.name, text, 0o600))
	}
	return errors.Join(errs...)
}
