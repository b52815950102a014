package deployment

import (
	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/dbstorage"
	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
)

// storage is a storage extension, where refresh tokens may be.
type storage struct {
	id      component.ID
	factory extension.Factory
	config  component.Config
}

// storageFactories are those of the distribution, by type.
func storageFactories() map[component.Type]extension.Factory {
	factories := map[component.Type]extension.Factory{}
	for _, f := range []extension.Factory{filestorage.NewFactory(), dbstorage.NewFactory()} {
		factories[f.Type()] = f
	}
	return factories
}

// asGuest leaves the housekeeping to the collector, which may be running on the same files.
func asGuest(cfg component.Config) component.Config {
	if files, ok := cfg.(*filestorage.Config); ok && files.Compaction != nil {
		files.Compaction.OnStart, files.Compaction.OnRebound, files.Compaction.CleanupOnStart = false, false, false
	}
	return cfg
}
