// Command defenderctl gets tenants in: it prints the links for their consent, signs users in, and says what keeps alerts
// from coming. docs/onboarding.md shows how.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"go.opentelemetry.io/collector/component"

	"github.com/otelcol-defender/otelcol-defender/internal/ctl"
	"github.com/otelcol-defender/otelcol-defender/internal/ctl/terminal"
)

// version is set by the build.
var version = "0.0.0-dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	program := ctl.Program{
		Stdout: terminal.Of(os.Stdout), Stderr: terminal.Of(os.Stderr),
		Open:  ctl.OpenBrowser,
		Build: component.BuildInfo{Command: "defenderctl", Description: "gets tenants in", Version: version},
	}
	status := program.Run(ctx, os.Args[1:])
	stop()
	os.Exit(status)
}
