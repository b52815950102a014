// Package record turns the JSON text of one alert, incident or detection into an OpenTelemetry log record. What differs
// between the sources is a table, one file each. The package keeps no state and knows nothing of HTTP.
package record // import "github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/record"
