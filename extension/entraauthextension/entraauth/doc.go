// Package entraauth is what other components may know of the extension entra_auth: its tenants, how a request names
// the tenant it is for, and the errors it answers with. It imports nothing of the collector.
package entraauth // import "github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
