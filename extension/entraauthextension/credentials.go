package entraauthextension

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/internal/credential"
	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/internal/tenants"
)

// check reads every certificate at the start, so that a mistake on this machine shows at once. It is an error only where
// the application that all share has no credential left; what is wrong with a tenant's own is for its requests to report.
func (b *builder) check(r *roster) error {
	for _, app := range r.applications {
		_ = app.Check() // notes when its certificates end; what is wrong with them is found below, with its position
	}
	b.checkOwn(r.rows)
	if b.cfg.Application == nil {
		return nil
	}
	problems := b.problems(b.cfg.Application)
	if usable(problems) {
		b.warn(problems, zap.String("application", b.cfg.Application.ClientID))
		return nil
	}
	return fmt.Errorf("credentials: %w", errors.Join(problems...))
}

// checkOwn reports an application that several tenants share once, by the first of them.
func (b *builder) checkOwn(rows []tenants.Row) {
	seen := map[[sha256.Size]byte]bool{b.fingerprint(): true}
	for i := range rows {
		row := &rows[i]
		if !row.IsEnabled() || row.Application == nil || seen[row.Application.Fingerprint()] {
			continue
		}
		seen[row.Application.Fingerprint()] = true
		b.warn(b.problems(row.Application), zap.String("tenant", row.Label()), zap.String("azure.tenant.id", row.TenantID()),
			zap.String("application", row.Application.ClientID))
	}
}

// problems tells for each credential, by its position, why it cannot be read.
func (b *builder) problems(app *credential.Application) []error {
	found := make([]error, len(app.Credentials))
	for i, c := range app.Credentials {
		cred, err := credential.New(c, credential.Options{Identity: b.env.Identity, Now: b.env.Now, Logger: zap.NewNop()})
		if err == nil {
			_, _, err = cred.Current()
		}
		found[i] = err
	}
	return found
}

func usable(problems []error) bool {
	for _, err := range problems {
		if err == nil {
			return true
		}
	}
	return false
}

func (b *builder) warn(problems []error, fields ...zap.Field) {
	for i, err := range problems {
		if err != nil {
			b.logger.With(fields...).Warn("A credential cannot be read on this machine", zap.Int("position", i+1), zap.Error(err))
		}
	}
}
