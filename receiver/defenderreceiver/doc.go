// Package defenderreceiver registers the receiver type defender: it polls Microsoft's alert APIs of many tenants and
// emits every version of every alert once, as a log record.
package defenderreceiver // import "github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver"

//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml
