package defenderreceiver

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/record"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/source"
)

// Config is the configuration of the receiver. README.md of the component describes every key.
type Config struct {
	// HTTP is how the APIs are reached. Of it, auth is required, and endpoint, headers and compression are refused.
	HTTP confighttp.ClientConfig `mapstructure:",squash"`
	// StorageID is the extension that keeps the checkpoints; without one a restart begins at InitialLookback.
	StorageID *component.ID `mapstructure:"storage"`
	// Sources are the feeds to poll, by key; an empty value takes the defaults.
	Sources map[string]*SourceConfig `mapstructure:"sources"`
	// PollInterval is the time between two polls of a tenant.
	PollInterval time.Duration `mapstructure:"poll_interval"`
	// InitialLookback is how far back the first poll of a tenant reads, counted on the update time.
	InitialLookback time.Duration `mapstructure:"initial_lookback"`
	// Overlap is how far each poll reads again, for records that become visible late.
	Overlap time.Duration `mapstructure:"overlap"`
	// MaxConcurrency is how many polls are in flight over all tenants.
	MaxConcurrency int `mapstructure:"max_concurrency"`
	// Timestamp is which time a record carries: updated, created or last_activity.
	Timestamp string `mapstructure:"timestamp"`
	// Body is what a record's body is: raw, the JSON text, or map, the parsed object.
	Body string `mapstructure:"body"`
	// Split is what the records of the sources that have such parts are split into: none, alerts or evidence.
	Split string `mapstructure:"split"`
	// SplitBody is what the body of a part is: part, its own text, or parent, the whole record with the part in place of
	// the array.
	SplitBody string `mapstructure:"split_body"`
	// MaxResponseSize bounds the decompressed bytes of one answer.
	MaxResponseSize ByteSize `mapstructure:"max_response_size"`
	// MaxRecordSize and MaxRecordDepth bound one record; one beyond them is quarantined, and the rest of its page is not.
	MaxRecordSize  ByteSize `mapstructure:"max_record_size"`
	MaxRecordDepth int      `mapstructure:"max_record_depth"`
	// MaxInflightBytes bounds the bytes of answers held at a time, over all tenants.
	MaxInflightBytes ByteSize `mapstructure:"max_inflight_bytes"`
	// Sweep is the slow second reading for records that became visible later than Overlap.
	Sweep SweepConfig `mapstructure:"sweep"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// SweepConfig says how often a longer window is read again.
type SweepConfig struct {
	Interval time.Duration `mapstructure:"interval"`
	Window   time.Duration `mapstructure:"window"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// SourceConfig is what one source does differently.
type SourceConfig struct {
	// Endpoint is scheme and host, with a path prefix where there is one; default from the tenant's cloud.
	Endpoint string `mapstructure:"endpoint"`
	// Region picks one of the API's regional hosts.
	Region string `mapstructure:"region"`
	// Scope is what the token is asked for; default from the tenant's cloud.
	Scope string `mapstructure:"scope"`
	// PollInterval and Overlap replace the receiver's.
	PollInterval *time.Duration `mapstructure:"poll_interval"`
	Overlap      *time.Duration `mapstructure:"overlap"`
	// PageSize is how many records one request asks for.
	PageSize *int `mapstructure:"page_size"`
	// Split and SplitBody replace the receiver's.
	Split     string `mapstructure:"split"`
	SplitBody string `mapstructure:"split_body"`
	// Filter is an OData expression that is and-ed to the receiver's own.
	Filter string `mapstructure:"filter"`
	// MachineGroups, DeviceCreatedMachineTags and CloudCreatedMachineTags are what siem_alerts takes in place of Filter.
	MachineGroups            []string `mapstructure:"machine_groups"`
	DeviceCreatedMachineTags string   `mapstructure:"device_created_machine_tags"`
	CloudCreatedMachineTags  string   `mapstructure:"cloud_created_machine_tags"`

	// prevent unkeyed literal initialization
	_ struct{}
}

const (
	minDuration    = time.Second
	maxDuration    = 10 * 365 * 24 * time.Hour
	defaultTimeout = 30 * time.Second
	defaultRegion  = "us"
	minRecordDepth = 8
	maxRecordDepth = 512 // what reads and writes nested values goes one call deeper for each
	bodyRaw        = "raw"
	bodyMap        = "map"
)

func createDefaultConfig() component.Config {
	http := confighttp.NewDefaultClientConfig()
	http.Timeout = defaultTimeout
	// HTTP/1.1: what of an answer is not read yet then waits in the kernel. HTTP/2 would take up to 4 MiB of each into memory,
	// where no limit counts it. All tenants share a few hosts: keep a connection for every poll in flight.
	http.ForceAttemptHTTP2 = false
	http.MaxIdleConns, http.MaxIdleConnsPerHost = 0, 64
	return &Config{
		HTTP:             http,
		PollInterval:     time.Minute,
		InitialLookback:  24 * time.Hour,
		Overlap:          10 * time.Minute,
		MaxConcurrency:   16,
		Timestamp:        string(record.Updated),
		Body:             bodyRaw,
		Split:            string(record.SplitNone),
		SplitBody:        splitBodyPart,
		MaxResponseSize:  256 << 20,
		MaxRecordSize:    32 << 20,
		MaxRecordDepth:   record.DefaultMaxDepth,
		MaxInflightBytes: 64 << 20,
		Sweep:            SweepConfig{Interval: 6 * time.Hour, Window: 72 * time.Hour},
	}
}

// Unmarshal reads the configuration. It says of a list of sources what is wanted, where the decoder would speak of types.
func (cfg *Config) Unmarshal(conf *confmap.Conf) error {
	switch conf.Get("sources").(type) {
	case nil, map[string]any:
		return conf.Unmarshal(cfg)
	default:
		return errors.New("`sources` takes a mapping, such as `sources: {graph_alerts: {}, endpoint_alerts: {}}`")
	}
}

// Validate reports everything that cannot work, one sentence for each key.
func (cfg *Config) Validate() error {
	errs := []error{cfg.validateHTTP(), cfg.validateSources(), cfg.validateSplit()}
	for _, d := range []struct {
		key   string
		value time.Duration
	}{
		{"poll_interval", cfg.PollInterval},
		{"initial_lookback", cfg.InitialLookback},
		{"overlap", cfg.Overlap},
		{"timeout", cfg.HTTP.Timeout},
	} {
		errs = append(errs, validateDuration(d.key, d.value))
	}
	if cfg.MaxConcurrency < 1 || cfg.MaxConcurrency > 1024 {
		errs = append(errs, fmt.Errorf("`max_concurrency` takes a number from 1 to 1024, not %d", cfg.MaxConcurrency))
	}
	if !slices.Contains([]record.Timestamp{record.Updated, record.Created, record.LastActivity}, record.Timestamp(cfg.Timestamp)) {
		errs = append(errs, fmt.Errorf("`timestamp` takes updated, created or last_activity, not %q", cfg.Timestamp))
	}
	if cfg.Body != bodyRaw && cfg.Body != bodyMap {
		errs = append(errs, fmt.Errorf("`body` takes raw or map, not %q", cfg.Body))
	}
	if cfg.MaxResponseSize < 1<<10 {
		errs = append(errs, errors.New("`max_response_size` takes a size of at least 1KiB, such as 256MiB"))
	}
	if cfg.MaxRecordSize < 1<<10 {
		errs = append(errs, errors.New("`max_record_size` takes a size of at least 1KiB, such as 32MiB"))
	}
	if cfg.MaxRecordDepth < minRecordDepth || cfg.MaxRecordDepth > maxRecordDepth {
		errs = append(errs, fmt.Errorf("`max_record_depth` takes a number from %d to %d, not %d", minRecordDepth, maxRecordDepth, cfg.MaxRecordDepth))
	}
	if cfg.MaxInflightBytes < 1<<20 {
		errs = append(errs, errors.New("`max_inflight_bytes` takes a size of at least 1MiB, such as 64MiB"))
	}
	return errors.Join(errs...)
}

func (cfg *Config) validateHTTP() error {
	var errs []error
	if !cfg.HTTP.Auth.HasValue() {
		errs = append(errs, errors.New("`auth` is required: name the entra_auth extension, as in `auth: {authenticator: entra_auth}`"))
	}
	if cfg.HTTP.Endpoint != "" {
		errs = append(errs, errors.New("`endpoint` belongs to a source, as in `sources: {graph_alerts: {endpoint: https://host}}`"))
	}
	if len(cfg.HTTP.Headers) > 0 {
		errs = append(errs, errors.New("`headers` is not taken: the receiver sets the headers of its requests itself"))
	}
	if cfg.HTTP.Compression != "" {
		errs = append(errs, errors.New("`compression` is not taken: requests have no body, and answers are compressed as the API likes"))
	}
	if cfg.HTTP.ProxyURL != "" && !entraauth.IsProxy(cfg.HTTP.ProxyURL) { // may hold a password: not shown
		errs = append(errs, errors.New("`proxy_url` takes http, https or socks5 and a host, such as http://proxy.example:3128"))
	}
	return errors.Join(errs...)
}

func (cfg *Config) validateSources() error {
	if len(cfg.Sources) == 0 {
		return fmt.Errorf("`sources` takes at least one of %s", strings.Join(source.Keys(), ", "))
	}
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(cfg.Sources)) {
		s, known := source.Lookup(key)
		if !known {
			errs = append(errs, fmt.Errorf("`sources` takes %s, not %q", strings.Join(source.Keys(), ", "), key))
			continue
		}
		if own := cfg.Sources[key]; own != nil {
			errs = append(errs, own.validate(s), own.validateSplit(s, cfg), cfg.validateWay(s, own))
		}
	}
	return errors.Join(errs...)
}

// validateWay refuses what would hand a token to a proxy in the clear: that of proxy_url is asked for loopback addresses too.
func (cfg *Config) validateWay(s source.Source, own *SourceConfig) error {
	if cfg.HTTP.ProxyURL == "" || !strings.HasPrefix(strings.ToLower(own.Endpoint), "http:") {
		return nil
	}
	return refused(s, "endpoint", "takes https where `proxy_url` is set: the proxy would see the token")
}

// Validate refuses durations that a missing unit makes.
func (c *SweepConfig) Validate() error {
	return errors.Join(validateDuration("interval", c.Interval), validateDuration("window", c.Window))
}

// validateDuration refuses what a forgotten unit makes: a bare 30 is 30 nanoseconds.
func validateDuration(key string, value time.Duration) error {
	if value > maxDuration {
		return fmt.Errorf("`%s` takes a duration of at most %s, not %s", key, maxDuration, value)
	}
	if value >= minDuration {
		return nil
	}
	return fmt.Errorf("`%s` takes a duration of at least 1s with its unit, such as 30s or 10m, not %s", key, value)
}
