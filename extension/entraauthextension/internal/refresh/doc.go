// Package refresh keeps the refresh tokens of delegated sign-ins in a storage extension: encrypted, one entry for each tenant
// and application. The storage is open only while it is read or written, so that another process, in which a user signs in,
// can write there as well.
package refresh // import "github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/internal/refresh"
