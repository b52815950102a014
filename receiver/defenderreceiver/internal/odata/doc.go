// Package odata reads what Microsoft's security APIs answer: instants of 100 ns, and pages whose records are split off
// a stream one by one. It knows neither HTTP nor what a record means.
package odata // import "github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
