package entraauthextension

import (
	"errors"
	"fmt"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/internal/refresh"
	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/internal/tenants"
)

// validateKeys refuses keys that are none, whether they are needed or not.
func (c *Config) validateKeys() error {
	var errs []error
	if c.StorageEncryptionKey != "" {
		if err := refresh.CheckKey(string(c.StorageEncryptionKey)); err != nil {
			errs = append(errs, fmt.Errorf("storage_encryption_key %w", err))
		}
	}
	for i, old := range c.StorageEncryptionOldKeys {
		if err := refresh.CheckKey(string(old)); err != nil {
			errs = append(errs, fmt.Errorf("storage_encryption_old_keys::%d %w", i, err))
		}
	}
	return errors.Join(errs...)
}

// checkDelegated refuses a tenant whose user signs in where its rotated refresh tokens could not be kept.
func (c *Config) checkDelegated(rows []tenants.Row) error {
	for i := range rows {
		if !rows[i].IsDelegated() || !rows[i].IsEnabled() {
			continue
		}
		var errs []error
		if c.Storage == nil {
			errs = append(errs, fmt.Errorf("storage must name a storage extension such as file_storage: tenant %q signs in by a user, "+
				"and each token brings a new refresh token to be kept", rows[i].Label()))
		}
		if c.StorageEncryptionKey == "" {
			errs = append(errs, fmt.Errorf("storage_encryption_key %w: tenant %q signs in by a user, and its refresh tokens are stored encrypted",
				refresh.ErrKeyFormat, rows[i].Label()))
		}
		return errors.Join(errs...)
	}
	return nil
}

// keys are those to encrypt with; nil where there is none.
func (c *Config) keys() (*refresh.Keys, error) {
	if c.StorageEncryptionKey == "" {
		return nil, nil //nolint:nilnil // no key is no error where no tenant needs it
	}
	older := make([]string, len(c.StorageEncryptionOldKeys))
	for i, old := range c.StorageEncryptionOldKeys {
		older[i] = string(old)
	}
	return refresh.NewKeys(string(c.StorageEncryptionKey), older...)
}
