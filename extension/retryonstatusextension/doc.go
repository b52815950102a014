// Package retryonstatusextension registers the extension type retry_on_status: a middleware of HTTP clients that turns
// answers which somebody can mend into errors, after which an exporter keeps what it sent and tries again.
package retryonstatusextension // import "github.com/otelcol-defender/otelcol-defender/extension/retryonstatusextension"

//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml
