package deployment

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver"
)

// sections are the parts of a configuration.
type sections struct {
	conf *confmap.Conf
	used struct {
		Extensions []component.ID `mapstructure:"extensions"`
		Pipelines  map[string]struct {
			Receivers []component.ID `mapstructure:"receivers"`
		} `mapstructure:"pipelines"`
	}
}

var errNoService = errors.New("the configuration has no service section: it is the one that the collector runs with, which lists extensions and pipelines there")

// service reads which components the collector runs.
func (s *sections) service() error {
	if !s.conf.IsSet("service") {
		return errNoService
	}
	sub, err := s.conf.Sub("service")
	if err != nil {
		return fmt.Errorf("service: %w", err)
	}
	if err := sub.Unmarshal(&s.used, confmap.WithIgnoreUnused()); err != nil {
		return fmt.Errorf("service: %w", err)
	}
	return nil
}

func (s *sections) extensions(d *Deployment) error {
	factory := entraauthextension.NewFactory()
	var errs []error
	for _, id := range s.used.Extensions {
		if id.Type() == factory.Type() {
			cfg := factory.CreateDefaultConfig()
			errs = append(errs, s.read("extensions", id, cfg))
			d.Tenants = append(d.Tenants, Extension{id, cfg.(*entraauthextension.Config)}) //nolint:forcetypeassert // its own factory's
			continue
		}
		if factory, known := storageFactories()[id.Type()]; known {
			cfg := factory.CreateDefaultConfig()
			errs = append(errs, s.read("extensions", id, cfg))
			d.storages = append(d.storages, storage{id, factory, asGuest(cfg)})
		}
	}
	return errors.Join(errs...)
}

func (s *sections) receivers(d *Deployment) error {
	factory := defenderreceiver.NewFactory()
	var ids []component.ID
	for _, pipeline := range s.used.Pipelines {
		ids = append(ids, pipeline.Receivers...)
	}
	slices.SortFunc(ids, func(a, b component.ID) int { return strings.Compare(a.String(), b.String()) })
	var errs []error
	for _, id := range slices.Compact(ids) {
		if id.Type() != factory.Type() {
			continue
		}
		cfg := factory.CreateDefaultConfig()
		errs = append(errs, s.read("receivers", id, cfg))
		d.Receivers = append(d.Receivers, Receiver{id, cfg.(*defenderreceiver.Config)}) //nolint:forcetypeassert // its own factory's
	}
	return errors.Join(errs...)
}

// read reads and validates one component's configuration.
func (s *sections) read(section string, id component.ID, into component.Config) error {
	raw, err := s.find(section, id)
	if err != nil {
		return err
	}
	if err := raw.Unmarshal(into); err != nil {
		return placed(section, id, err)
	}
	if err := confmap.Validate(into); err != nil {
		return placed(section, id, err)
	}
	return nil
}

// placed names the place in each line of an error, of which the decoder's begin with a line that says nothing.
func placed(section string, id component.ID, err error) error {
	var errs []error
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if line = strings.TrimSpace(strings.TrimPrefix(line, "decoding failed due to the following error(s):")); line != "" {
			errs = append(errs, fmt.Errorf("%s::%s: %s", section, id, line))
		}
	}
	return errors.Join(errs...)
}

// find looks a component up by its id, of which a key may be another spelling.
func (s *sections) find(section string, id component.ID) (*confmap.Conf, error) {
	all, err := s.conf.Sub(section)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", section, err)
	}
	for key := range all.ToStringMap() {
		var other component.ID
		if other.UnmarshalText([]byte(key)) == nil && other == id {
			return all.Sub(key)
		}
	}
	return nil, fmt.Errorf("service names %s, which is not under %s", id, section)
}
