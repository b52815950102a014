package entraauthextension

import (
	"cmp"
	"slices"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
)

var _ entraauth.CredentialLister = (*authExtension)(nil)

// Credentials implements entraauth.CredentialLister. An application that is used in several clouds is there once; a
// credential of it that fails in one of them fails, and otherwise one that works in one of them works.
func (e *authExtension) Credentials() []entraauth.CredentialInfo {
	var list []entraauth.CredentialInfo
	for _, app := range e.roster.Load().applications {
		list = append(list, app.Credentials()...)
	}
	slices.SortFunc(list, func(a, b entraauth.CredentialInfo) int {
		return cmp.Or(cmp.Compare(a.ApplicationID, b.ApplicationID), cmp.Compare(a.Position, b.Position),
			cmp.Compare(a.Kind, b.Kind), boolean(b.Failing)-boolean(a.Failing), boolean(b.Works)-boolean(a.Works), a.Expires.Compare(b.Expires))
	})
	return slices.CompactFunc(list, func(a, b entraauth.CredentialInfo) bool {
		return a.ApplicationID == b.ApplicationID && a.Position == b.Position && a.Kind == b.Kind
	})
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}
