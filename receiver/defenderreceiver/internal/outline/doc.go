// Package outline reads a JSON object once, to prove that it is valid and to find its members, without decoding it.
// It is the only place where the project reads JSON by itself: every alert passes here, and what it costs is most of
// what an alert costs.
package outline // import "github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/outline"
