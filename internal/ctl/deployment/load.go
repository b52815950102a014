package deployment

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
	"go.uber.org/zap"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver"
)

// Deployment is what a configuration says of the components that a command needs. Only components that the service of
// the collector uses are in it.
type Deployment struct {
	// Tenants are the entra_auth extensions, in the order of the service.
	Tenants []Extension
	// Receivers are the defender receivers, by name.
	Receivers []Receiver

	storages []storage
}

// Extension is an entra_auth extension.
type Extension struct {
	ID     component.ID
	Config *entraauthextension.Config
}

// Receiver is a defender receiver.
type Receiver struct {
	ID     component.ID
	Config *defenderreceiver.Config
}

// Auth is the extension that the receiver's tokens come from.
func (r Receiver) Auth() component.ID { return r.Config.HTTP.Auth.Get().AuthenticatorID }

// Load reads a configuration as the collector does: the places are laid over each other in their order, references to
// the environment and to files are expanded, and each section is validated. log is told of variables that are not set.
func Load(ctx context.Context, places []string, log *zap.Logger) (*Deployment, error) {
	conf, err := resolve(ctx, places, log)
	if err != nil {
		return nil, err
	}
	sections := sections{conf: conf}
	if err := sections.service(); err != nil {
		return nil, err
	}
	d := &Deployment{}
	if err := errors.Join(sections.extensions(d), sections.receivers(d)); err != nil {
		return nil, err
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	return d, nil
}

func resolve(ctx context.Context, places []string, log *zap.Logger) (*confmap.Conf, error) {
	resolver, err := confmap.NewResolver(confmap.ResolverSettings{
		URIs: places,
		ProviderFactories: []confmap.ProviderFactory{
			envprovider.NewFactory(), fileprovider.NewFactory(), yamlprovider.NewFactory(),
		},
		ProviderSettings: confmap.ProviderSettings{Logger: log},
		DefaultScheme:    "env",
	})
	if err != nil {
		return nil, err
	}
	conf, err := resolver.Resolve(ctx)
	return conf, errors.Join(err, resolver.Shutdown(ctx))
}

// check finds what the collector itself would find at its start.
func (d *Deployment) check() error {
	if len(d.Tenants) == 0 {
		return errors.New("the configuration has no entra_auth extension: list one under service::extensions")
	}
	var errs []error
	for _, r := range d.Receivers {
		if !slices.ContainsFunc(d.Tenants, func(e Extension) bool { return e.ID == r.Auth() }) {
			errs = append(errs, fmt.Errorf("receivers::%s: `auth` names %s, which is not an entra_auth extension of the service", r.ID, r.Auth()))
		}
	}
	return errors.Join(errs...)
}
