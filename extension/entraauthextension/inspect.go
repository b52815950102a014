package entraauthextension

import (
	"context"
	"strings"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
)

var _ entraauth.Inspector = (*authExtension)(nil)

// Inspect implements entraauth.Inspector.
func (e *authExtension) Inspect(ctx context.Context, tenantID, scope string) (entraauth.TokenInfo, error) {
	t, ok := e.roster.Load().find(strings.ToLower(tenantID))
	if !ok {
		return entraauth.TokenInfo{}, unknownTenant("tenant " + tenantID + " is not in the list or not enabled")
	}
	tok, err := t.tokens.Get(ctx, scope, nil)
	if err != nil {
		return entraauth.TokenInfo{}, err
	}
	return tok.Info(), nil
}
