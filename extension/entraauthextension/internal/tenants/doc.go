// Package tenants is the list of customer tenants: its rows, the file they may come from, how the file is followed, and
// who is told of changes.
package tenants // import "github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/internal/tenants"
