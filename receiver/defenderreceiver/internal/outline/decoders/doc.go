// Package decoders compares libraries that could read a record in place of package outline. `make bench` runs it.
package decoders // import "github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/outline/decoders"
