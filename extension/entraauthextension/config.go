package entraauthextension

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/internal/credential"
	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/internal/tenants"
	"github.com/otelcol-defender/otelcol-defender/internal/cloud"
)

const (
	defaultRecheck = time.Minute
	defaultTimeout = 30 * time.Second
	// minDuration catches a bare number, which would be nanoseconds.
	minDuration = time.Second
	// maxRecheck keeps a tenant whose trouble is over from being left out for longer than anyone would wait.
	maxRecheck = 24 * time.Hour
	// pingAfter finds a dead HTTP/2 connection before the timeout of a request does.
	pingAfter = 15 * time.Second
	// idlePerHost keeps connections through a proxy without HTTP/2 from being made anew for each tenant.
	idlePerHost = 16
)

type (
	// TenantConfig is a row of tenants, by a name that other packages can use.
	TenantConfig = tenants.Row
	// ApplicationConfig is likewise an app registration.
	ApplicationConfig = credential.Application
	// CredentialConfig is one of its credentials.
	CredentialConfig = credential.Config
	// ManagedIdentityConfig is a credential that the machine has.
	ManagedIdentityConfig = credential.ManagedIdentity
)

// Config is the configuration of the extension.
type Config struct {
	// Cloud is the national cloud of tenants that name none.
	Cloud string `mapstructure:"cloud"`
	// AuthorityHost replaces the cloud's authority for every tenant: scheme https and host.
	AuthorityHost string `mapstructure:"authority_host"`
	// Application is the provider's multi-tenant app registration, for tenants without one of their own.
	Application *ApplicationConfig `mapstructure:"application"`
	// Tenants are the customers.
	Tenants []TenantConfig `mapstructure:"tenants"`
	// TenantsFile is a YAML file with more rows under `tenants`; it is followed while the collector runs.
	TenantsFile string `mapstructure:"tenants_file"`
	// RecheckInterval is how soon a refused tenant is asked again.
	RecheckInterval time.Duration `mapstructure:"recheck_interval"`
	// Storage is the storage extension that keeps the refresh tokens of delegated sign-ins.
	Storage *component.ID `mapstructure:"storage"`
	// StorageEncryptionKey is what they are encrypted with: 32 bytes in base64.
	StorageEncryptionKey configopaque.String `mapstructure:"storage_encryption_key"`
	// StorageEncryptionOldKeys were the key before, newest first; what is stored is read with any of them.
	StorageEncryptionOldKeys []configopaque.String `mapstructure:"storage_encryption_old_keys"`
	// DefaultTenant is the name or id of the tenant for HTTP clients that name none.
	DefaultTenant string `mapstructure:"default_tenant"`
	// DefaultScope is what those clients' tokens are for.
	DefaultScope string `mapstructure:"default_scope"`
	// HTTP is how the authority is reached.
	HTTP confighttp.ClientConfig `mapstructure:"http"`
}

var (
	_ component.Config  = (*Config)(nil)
	_ confmap.Validator = (*Config)(nil)
)

func createDefaultConfig() component.Config {
	client := confighttp.NewDefaultClientConfig()
	client.Timeout = defaultTimeout
	client.HTTP2ReadIdleTimeout = pingAfter
	client.MaxIdleConnsPerHost = idlePerHost
	return &Config{Cloud: cloud.Public, RecheckInterval: defaultRecheck, HTTP: client}
}

// Validate reports everything that the sections cannot see by themselves.
func (c *Config) Validate() error {
	return errors.Join(c.validateAuthority(), c.validateTenants(), c.validateKeys(), c.validateDefaults(), c.validateHTTP())
}

func (c *Config) validateAuthority() error {
	var errs []error
	if !cloud.Known(c.Cloud) {
		errs = append(errs, fmt.Errorf("cloud must be one of %s", strings.Join(cloud.Names(), ", ")))
	}
	if c.AuthorityHost != "" && !isAuthority(c.AuthorityHost) {
		errs = append(errs, errors.New("authority_host must be https:// and a host, without a path, such as https://login.microsoftonline.com"))
	}
	if c.RecheckInterval < minDuration || c.RecheckInterval > maxRecheck {
		errs = append(errs, fmt.Errorf("recheck_interval must be a duration of at least %s and at most %s, such as 1m", minDuration, maxRecheck))
	}
	return errors.Join(errs...)
}

func isAuthority(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && u.Scheme == "https" && u.Hostname() != "" && entraauth.IsPort(u.Port()) &&
		strings.Trim(u.Path, "/") == "" && u.User == nil && !strings.ContainsAny(raw, "?#")
}

func (c *Config) validateTenants() error {
	if len(c.Tenants) == 0 && c.TenantsFile == "" {
		return errors.New("tenants or tenants_file must name the customer tenants")
	}
	return errors.Join(tenants.Filled(c.Application), c.validateRows())
}

// validateRows holds the rows of the file against the others where it can be read; whether it can is for the start to say.
func (c *Config) validateRows() error {
	if c.TenantsFile != "" {
		if data, err := tenants.ReadFile(c.TenantsFile); err == nil {
			if _, err = c.merge(data); err != nil {
				return fmt.Errorf("tenants_file %s: %w", c.TenantsFile, err)
			}
			return nil
		}
	}
	return c.checkRows(c.Tenants)
}

// checkRows reports what is wrong between the rows, and between them and the rest.
func (c *Config) checkRows(rows []tenants.Row) error {
	return errors.Join(tenants.Check(rows, c.Application != nil), c.checkDelegated(rows))
}

// merge returns the rows of the configuration and of the file, if they go together.
func (c *Config) merge(data []byte) ([]tenants.Row, error) {
	fromFile, err := tenants.Parse(data)
	if err != nil {
		return nil, err
	}
	rows := slices.Concat(c.Tenants, fromFile)
	return rows, c.checkRows(rows)
}

func (c *Config) validateDefaults() error {
	var errs []error
	if (c.DefaultTenant == "") != (c.DefaultScope == "") {
		errs = append(errs, errors.New("default_tenant and default_scope go together: set both or neither"))
	}
	named := func(r TenantConfig) bool { return names(&r, c.DefaultTenant) }
	if c.DefaultTenant != "" && c.TenantsFile == "" && !slices.ContainsFunc(c.Tenants, named) {
		errs = append(errs, errors.New("default_tenant must be the name or id of one of the tenants"))
	}
	if c.DefaultScope != "" && !isScope(c.DefaultScope) {
		errs = append(errs, errors.New("default_scope must be of the form https://…/.default or api://…/.default"))
	}
	return errors.Join(errs...)
}

// names tells whether text is the tenant's name or id.
func names(r *TenantConfig, text string) bool {
	return r.Label() == text || r.TenantID() == strings.ToLower(text)
}

func isScope(scope string) bool {
	resource, ok := strings.CutSuffix(scope, "/.default")
	u, err := url.Parse(resource)
	return ok && err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "api") && !strings.ContainsAny(scope, " \t\r\n")
}

// validateHTTP refuses what would change or add to the requests that Entra defines.
func (c *Config) validateHTTP() error {
	var errs []error
	for key, set := range map[string]bool{
		"endpoint": c.HTTP.Endpoint != "", "auth": c.HTTP.Auth.HasValue(), "headers": len(c.HTTP.Headers) > 0,
		"compression": c.HTTP.Compression != "", "middlewares": len(c.HTTP.Middlewares) > 0,
	} {
		if set {
			errs = append(errs, fmt.Errorf("http: %s cannot be set: requests to the authority are fixed", key))
		}
	}
	if c.HTTP.ProxyURL != "" && !entraauth.IsProxy(c.HTTP.ProxyURL) {
		errs = append(errs, errors.New("http: proxy_url must be http, https or socks5 and a host, such as http://proxy.example:3128"))
	}
	if c.HTTP.Timeout < minDuration {
		errs = append(errs, fmt.Errorf("http: timeout must be a duration of at least %s, such as %s", minDuration, defaultTimeout))
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}
