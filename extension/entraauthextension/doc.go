// Package entraauthextension registers the extension type entra_auth: it holds the customer tenants of a security
// provider and puts a token of the right tenant on every request.
package entraauthextension // import "github.com/otelcol-defender/otelcol-defender/extension/entraauthextension"

//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml
