package entraauth

import "time"

// CredentialInfo is how a credential of an application is. It never holds the credential.
type CredentialInfo struct {
	// ApplicationID is the application's client id.
	ApplicationID string
	// Position is its place in the configuration, from 1 on, and Kind the configuration's key for it.
	Position int
	Kind     string
	// Expires is when a certificate ends; the zero time for other kinds, of which nothing here tells, and before it was
	// read.
	Expires time.Time
	// Works tells that Entra took it when it was last tried. Neither Works nor Failing is one that was not needed so far.
	Works bool
	// Failing tells that it did not work when it was last tried. ErrorCode is the AADSTS code then, empty where it could
	// not be had on this machine; Err says why it could not, nil if it was Entra that refused it.
	Failing   bool
	ErrorCode string
	Err       error
}

// CredentialLister tells how the credentials of all applications are that tenants use. The extension implements it; find
// it by type assertion on the extension.
type CredentialLister interface {
	Credentials() []CredentialInfo
}
