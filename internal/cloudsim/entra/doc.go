// Package entra simulates the sign-in authority Microsoft Entra ID: OpenID metadata, the token endpoints v1.0 and v2.0 with
// the grants client_credentials, authorization_code and refresh_token, the pages on which users sign in and administrators
// consent, and an endpoint of managed identities, with the error bodies and headers of the original. Server is an
// http.Handler; serve it over TLS. Everything may be changed while it serves.
package entra // import "github.com/otelcol-defender/otelcol-defender/internal/cloudsim/entra"
