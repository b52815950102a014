package token

import "github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"

// Credentials tells how the credentials are, in the order of the configuration.
func (a *Application) Credentials() []entraauth.CredentialInfo {
	list := make([]entraauth.CredentialInfo, len(a.attempts))
	for i, at := range a.attempts {
		_, _, err := at.cred.Current()
		end, _ := at.cred.NotAfter()
		list[i] = entraauth.CredentialInfo{
			ApplicationID: a.clientID, Position: at.position + 1, Kind: at.cred.Kind, Expires: end, Failing: err != nil, Err: err,
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, at := range a.attempts {
		list[i].Failing, list[i].ErrorCode = list[i].Failing || at.failing, at.code
		list[i].Works = at.worked && !list[i].Failing
	}
	return list
}
