package entraauthextension

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/entra"
)

// Microsoft's library asks once for the metadata of a tenant, however many wait for them, and all get the same error.
func TestEveryScopeOfAnUnknownTenantLearnsWhy(t *testing.T) {
	w := newWorld(t, entra.Options{}).start(twoTenants)
	w.entra.RemoveTenant(contoso)
	w.entra.SetFault(contoso, entra.Fault{Delay: 200 * time.Millisecond, Metadata: true})
	tokens := w.ext.roster.Load().byID[contoso].tokens
	var asking sync.WaitGroup
	for _, scope := range []string{graphScope, "https://api.securitycenter.microsoft.com/.default", "https://other.example/.default"} {
		asking.Go(func() {
			_, err := tokens.Get(t.Context(), scope, nil)
			var refused *entraauth.Error
			if assert.ErrorAs(t, err, &refused) {
				assert.Equal(t, entraauth.ReasonUnknownTenant, refused.Reason)
				assert.Equal(t, "AADSTS90002", refused.Code)
				assert.ErrorContains(t, refused, "not found")
			}
		})
	}
	asking.Wait()
	assert.Equal(t, 1, w.entra.MetadataRequests(), "the test is about a shared error")
}
