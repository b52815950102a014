package entraauthextension

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/entra"
)

func TestTokensAreInspectedWithoutBeingShown(t *testing.T) {
	w := newWorld(t, entra.Options{}).start(twoTenants)
	var inspector entraauth.Inspector = w.ext
	info, err := inspector.Inspect(t.Context(), strings.ToUpper(contoso), graphScope)
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now().Add(time.Hour), info.Expires, time.Minute)
	assert.NotContains(t, fmt.Sprintf("%+v", info), "ey")
	info.Expires = time.Time{}
	assert.Equal(t, entraauth.TokenInfo{
		TenantID: contoso, ApplicationID: clientID, Audience: graph, Roles: []string{alertsRole}, Readable: true,
	}, info)

	_, err = w.get(contoso, alertsRole)
	require.NoError(t, err)
	assert.Equal(t, 1, w.entra.Count(contoso, ""), "it is the token that requests carry")

	_, err = inspector.Inspect(t.Context(), "aaaaaaaa-0000-4000-8000-000000000009", graphScope)
	requireReason(t, err, entraauth.ReasonUnknownTenant)
	w.entra.SetTenant(entra.Tenant{ID: fabrikam})
	_, err = inspector.Inspect(t.Context(), fabrikam, graphScope)
	requireReason(t, err, entraauth.ReasonNotConsented)
}

func TestTokenThatCannotBeReadIsInspectedAsSuch(t *testing.T) {
	w := newWorld(t, entra.Options{Opaque: true}).start(twoTenants)
	info, err := w.ext.Inspect(t.Context(), contoso, graphScope)
	require.NoError(t, err)
	assert.False(t, info.Readable)
	assert.False(t, info.Expires.IsZero())
}
