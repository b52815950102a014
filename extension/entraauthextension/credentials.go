package entraauthextension

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"go.uber.org/zap"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/internal/tenants"
	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/internal/token"
	"github.com/otelcol-defender/otelcol-defender/internal/cloud"
)

// check reads every certificate at the start, so that a mistake on this machine shows at once. It is an error only where
// the application that all share has no credential left; what is wrong with a tenant's own is for its requests to report.
func (b *builder) check(r *roster) error {
	problems := map[[sha256.Size]byte][]error{}
	for key, app := range r.applications {
		problems[key.fingerprint] = app.Check()
	}
	b.checkOwn(r.rows, problems)
	if b.cfg.Application == nil {
		return nil
	}
	shared, used := problems[b.fingerprint()]
	if !used { // by any tenant so far
		app, err := token.NewApplication(b.cfg.Application, cloud.Public, "", b.env)
		if err != nil {
			return err
		}
		shared = app.Check()
	}
	if usable(shared) {
		b.warn(shared, zap.String("application", b.cfg.Application.ClientID))
		return nil
	}
	return fmt.Errorf("credentials: %w", errors.Join(shared...))
}

// checkOwn reports an application that several tenants share once, by the first of them.
func (b *builder) checkOwn(rows []tenants.Row, problems map[[sha256.Size]byte][]error) {
	seen := map[[sha256.Size]byte]bool{b.fingerprint(): true}
	for i := range rows {
		row := &rows[i]
		if !row.IsEnabled() || row.Application == nil || seen[row.Application.Fingerprint()] {
			continue
		}
		seen[row.Application.Fingerprint()] = true
		b.warn(problems[row.Application.Fingerprint()], zap.String("tenant", row.Label()), zap.String("azure.tenant.id", row.TenantID()),
			zap.String("application", row.Application.ClientID))
	}
}

func usable(problems []error) bool { return slices.Contains(problems, nil) }

func (b *builder) warn(problems []error, fields ...zap.Field) {
	for i, err := range problems {
		if err != nil {
			b.logger.With(fields...).Warn("A credential cannot be read on this machine", zap.Int("position", i+1), zap.Error(err))
		}
	}
}
