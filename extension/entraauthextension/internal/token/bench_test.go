package token

import (
	"context"
	"fmt"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
)

// BenchmarkCachedToken is the price that every request pays, with ten thousand tenants.
func BenchmarkCachedToken(b *testing.B) {
	const tenants = 10_000
	keeper := NewKeeper(Options{Now: time.Now, Recheck: time.Minute, Timeout: time.Second})
	defer keeper.Close()
	token := newToken(jwtOf(`{"roles":["Incident.Read.All","SecurityAlert.Read.All"]}`), time.Now().Add(time.Hour))
	fetch := func(context.Context, string) (*Token, *entraauth.Error) { return token, nil }
	all, ids := map[string]*Tokens{}, make([]string, tenants)
	for i := range ids {
		ids[i] = fmt.Sprintf("00000000-0000-4000-8000-%012d", i)
		all[ids[i]] = keeper.Tenant(fetch, nil, zap.NewNop())
		if _, err := all[ids[i]].Get(b.Context(), "scope", nil); err != nil {
			b.Fatal(err)
		}
	}
	roles := []string{"SecurityAlert.Read.All", "SecurityAlert.ReadWrite.All"}
	b.Run("one after the other", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, err := all[ids[i%tenants]].Get(b.Context(), "scope", roles); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("in parallel", func(b *testing.B) { // no slower: there is no lock that the tenants share
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				if _, err := all[ids[i%tenants]].Get(b.Context(), "scope", roles); err != nil {
					b.Error(err)
				}
			}
		})
	})
}
