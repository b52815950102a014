package ctl

import (
	"context"
	"os/exec"
	"runtime"
)

// OpenBrowser opens a link in the browser of whoever runs the command.
func OpenBrowser(ctx context.Context, link string) error {
	name, args := "xdg-open", []string{link}
	switch runtime.GOOS {
	case "darwin":
		name = "open"
	case "windows":
		name, args = "rundll32", []string{"url.dll,FileProtocolHandler", link}
	}
	// It may stay open longer than the command runs.
	browser := exec.CommandContext(context.WithoutCancel(ctx), name, args...) //nolint:gosec // no shell: the link is one argument
	if err := browser.Start(); err != nil {
		return err
	}
	return browser.Process.Release()
}
