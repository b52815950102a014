package entraauthextension

import (
	"context"
	"fmt"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/internal/refresh"
)

// storageName is the part of the storage that the refresh tokens are in.
const storageName = "refresh_tokens"

// newVault finds the storage of the refresh tokens, without opening it; nil where none is configured.
func newVault(cfg *Config, id component.ID, host component.Host, logger *zap.Logger) (*refresh.Vault, error) {
	keys, err := cfg.keys()
	if err != nil {
		return nil, fmt.Errorf("storage_encryption_key or storage_encryption_old_keys: %w", err)
	}
	if cfg.Storage == nil {
		return nil, nil //nolint:nilnil // no storage is no error where no tenant needs it
	}
	found, ok := host.GetExtensions()[*cfg.Storage]
	if !ok {
		return nil, fmt.Errorf("storage names %s, which is not an extension of the service", cfg.Storage)
	}
	store, ok := found.(storage.Extension)
	switch {
	case !ok:
		return nil, fmt.Errorf("storage names %s, which is not a storage extension such as file_storage", cfg.Storage)
	case keys == nil:
		return nil, nil //nolint:nilnil // likewise
	}
	var told sync.Once
	return refresh.NewVault(func(ctx context.Context) (storage.Client, error) {
		// A store may end the whole process on a damaged file, in a place where nothing can be caught: this line stands above.
		told.Do(func() {
			logger.Info("Opening the refresh tokens in storage. If the collector ends here, the stored file is damaged: move it away, "+
				"and the tenants go on with the refresh_token of the configuration, or their users sign in again",
				zap.Stringer("storage", cfg.Storage))
		})
		return store.GetClient(ctx, component.KindExtension, id, storageName)
	}, keys), nil
}

// Dependencies has the storage started before the extension, and shut down after it.
func (e *authExtension) Dependencies() []component.ID {
	if e.cfg.Storage == nil {
		return nil
	}
	return []component.ID{*e.cfg.Storage}
}
