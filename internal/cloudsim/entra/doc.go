// Package entra simulates the sign-in authority Microsoft Entra ID: OpenID metadata and the client-credentials grant of
// the v2.0 token endpoint, with the error bodies and headers of the original. It is an http.Handler; serve it over TLS.
// Everything may be changed while it serves.
package entra // import "github.com/otelcol-defender/otelcol-defender/internal/cloudsim/entra"
