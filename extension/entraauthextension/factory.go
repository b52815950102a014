package entraauthextension

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/internal/metadata"
)

// Config is the configuration of the extension.
type Config struct{}

type ext struct {
	component.StartFunc
	component.ShutdownFunc
}

// NewFactory returns the factory of the extension.
func NewFactory() extension.Factory {
	return extension.NewFactory(metadata.Type, func() component.Config { return &Config{} },
		func(context.Context, extension.Settings, component.Config) (extension.Extension, error) { return ext{}, nil },
		metadata.ExtensionStability)
}
