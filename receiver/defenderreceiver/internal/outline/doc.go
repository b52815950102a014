// Package outline reads a JSON object once, to prove that it is valid and to find its members, without decoding it.
// A library does the rest of what the project reads in JSON. Here every alert passes, from a stream in which it may not
// be whole yet: what this costs is a good part of what an alert costs (decoders compares it), and FuzzRead holds it
// against encoding/json and jsontext.
package outline // import "github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/outline"
