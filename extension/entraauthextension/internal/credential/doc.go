// Package credential is how an application proves to Entra who it is: by a secret, a certificate, or a federated
// assertion from a file or a managed identity.
package credential // import "github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/internal/credential"
