// Package token gets access tokens from Entra through Microsoft's library, and keeps them: one acquisition per tenant
// and scope at a time, renewed before its end, refusals remembered. It knows nothing of the collector.
package token // import "github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/internal/token"
