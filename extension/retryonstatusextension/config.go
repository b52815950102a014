package retryonstatusextension

import (
	"errors"
	"net/http"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
)

// Config is the configuration of the extension.
type Config struct {
	// Statuses are those of answers that become errors.
	Statuses []int `mapstructure:"statuses"`
}

var (
	_ component.Config  = (*Config)(nil)
	_ confmap.Validator = (*Config)(nil)
)

func createDefaultConfig() component.Config {
	return &Config{Statuses: []int{
		http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusRequestTimeout, http.StatusInternalServerError,
	}}
}

var errStatuses = errors.New("statuses must name at least one, each from 400 to 599 such as [401, 403, 404, 408, 500], " +
	"without 429 and 503, after which exporters wait by themselves for as long as Retry-After says")

// Validate reports a list that is empty or has what cannot be in it.
func (c *Config) Validate() error {
	if len(c.Statuses) == 0 {
		return errStatuses
	}
	for _, status := range c.Statuses {
		if status < 400 || status > 599 || status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
			return errStatuses
		}
	}
	return nil
}
