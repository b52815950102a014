package tenants

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode"

	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/internal/credential"
	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/internal/refresh"
	"github.com/otelcol-defender/otelcol-defender/internal/cloud"
)

const maxName = 256

// Row is one customer tenant of the configuration or of the tenants file.
type Row struct {
	// ID is the customer's Entra tenant id, a GUID.
	ID string `mapstructure:"id"`
	// Name is the provider's name for the tenant, by default its id.
	Name string `mapstructure:"name"`
	// Attributes become resource attributes of every record: strings, numbers and booleans.
	Attributes map[string]any `mapstructure:"attributes"`
	// Enabled is true where it is not set.
	Enabled *bool `mapstructure:"enabled"`
	// Cloud is the tenant's national cloud; the extension's if empty.
	Cloud string `mapstructure:"cloud"`
	// Application is an app registration of the customer's own; the extension's if nil.
	Application *credential.Application `mapstructure:"application"`
	// SignIn is how tokens are had: by the application itself, or delegated by a user of the customer.
	SignIn string `mapstructure:"sign_in"`
	// RefreshToken is a user's sign-in to begin with; it implies a delegated one. The newer ones are kept in storage.
	RefreshToken *configopaque.String `mapstructure:"refresh_token"`
}

// Unmarshal tells a refresh token without a value, as of an environment variable that is not set, from none: without it such
// a tenant would silently sign in by the application.
func (r *Row) Unmarshal(conf *confmap.Conf) error {
	if err := conf.Unmarshal(r); err != nil {
		return err
	}
	if _, named := conf.ToStringMap()["refresh_token"]; named && r.RefreshToken == nil {
		r.RefreshToken = new(configopaque.String)
	}
	return nil
}

// The values of sign_in.
const (
	SignInApplication = "application"
	SignInDelegated   = "delegated"
)

// IsDelegated tells whether a user signs in for the tenant's tokens.
func (r *Row) IsDelegated() bool { return r.SignIn == SignInDelegated || r.RefreshToken != nil }

// Seed is the refresh token of the row, empty where there is none.
func (r *Row) Seed() string {
	if r.RefreshToken == nil {
		return ""
	}
	return string(*r.RefreshToken)
}

// Validate reports everything that is wrong with the row itself.
func (r *Row) Validate() error {
	var errs []error
	if !credential.IsGUID(r.ID) {
		errs = append(errs, errors.New("id must be the tenant's id, a GUID"))
	}
	if len(r.Name) > maxName || strings.ContainsFunc(r.Name, unicode.IsControl) {
		errs = append(errs, fmt.Errorf("name must be at most %d bytes without control characters", maxName))
	}
	if r.Cloud != "" && !cloud.Known(r.Cloud) {
		errs = append(errs, fmt.Errorf("cloud must be one of %s", strings.Join(cloud.Names(), ", ")))
	}
	errs = append(errs, r.validateSignIn())
	for _, key := range slices.Sorted(maps.Keys(r.Attributes)) {
		if _, err := scalar(r.Attributes[key]); err != nil || key == "" {
			errs = append(errs, fmt.Errorf("attributes: %q must have a name, and a string, a number or a boolean for a value (a date in quotes)", key))
		}
	}
	return errors.Join(append(errs, Filled(r.Application))...)
}

func (r *Row) validateSignIn() error {
	switch {
	case r.SignIn != "" && r.SignIn != SignInApplication && r.SignIn != SignInDelegated:
		return fmt.Errorf("sign_in must be %s or %s", SignInApplication, SignInDelegated)
	case r.RefreshToken == nil:
		return nil
	case r.SignIn == SignInApplication:
		return errors.New("refresh_token is for tenants that sign in by a user: leave it out, or set sign_in to " + SignInDelegated)
	case r.Seed() == "":
		return errors.New("refresh_token is empty (is the environment variable set?): leave it out and set sign_in to " + SignInDelegated +
			" if a user signs in with defenderctl")
	case !refresh.Usable(r.Seed()):
		return errors.New("refresh_token must be the refresh token alone, without spaces or line breaks")
	default:
		return nil
	}
}

// Filled refuses credentials without a value, and says what most often makes them so.
func Filled(app *credential.Application) error {
	if app == nil {
		return nil
	}
	var errs []error
	for i := range app.Credentials {
		if app.Credentials[i].Kind() == "" {
			errs = append(errs, fmt.Errorf("application: credentials::%d is empty (an empty value counts as none: is the environment variable set?)", i))
		}
	}
	return errors.Join(errs...)
}

// TenantID returns the id in the spelling that everything compares.
func (r *Row) TenantID() string { return strings.ToLower(r.ID) }

// Label returns the name, or the id where there is none.
func (r *Row) Label() string { return cmp.Or(r.Name, r.TenantID()) }

// IsEnabled tells whether the tenant is served.
func (r *Row) IsEnabled() bool { return r.Enabled == nil || *r.Enabled }

// Tenant returns the row as other components see it. The cloud is that of a row without one.
func (r *Row) Tenant(defaultCloud string) entraauth.Tenant {
	attributes := make(map[string]any, len(r.Attributes))
	for key, value := range r.Attributes {
		if v, err := scalar(value); err == nil {
			attributes[key] = v
		}
	}
	return entraauth.Tenant{ID: r.TenantID(), Name: r.Label(), Cloud: cmp.Or(r.Cloud, defaultCloud), Attributes: attributes}
}

var errNotScalar = errors.New("not a scalar")

// scalar returns v as a string, bool, int64 or float64.
func scalar(v any) (any, error) {
	switch v := v.(type) {
	case string, bool, int64:
		return v, nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, errNotScalar
		}
		return v, nil
	case int:
		return int64(v), nil
	case uint64:
		if v > math.MaxInt64 {
			return nil, errNotScalar
		}
		return int64(v), nil
	default:
		return nil, errNotScalar
	}
}

// Check reports what is wrong between the rows: ids and names must differ, also from each other, since a tenant goes by
// both, and each needs an application, its own or the one that all share.
func Check(rows []Row, shared bool) error {
	var errs []error
	ids, names := make(map[string]bool, len(rows)), make(map[string]bool, len(rows))
	for i := range rows {
		r := &rows[i]
		if ids[r.TenantID()] {
			errs = append(errs, fmt.Errorf("tenant id %s is there twice", r.TenantID()))
		} else if names[r.Label()] {
			errs = append(errs, fmt.Errorf("tenant name %q is there twice", r.Label()))
		}
		ids[r.TenantID()], names[r.Label()] = true, true
		if r.Application == nil && !shared {
			errs = append(errs, fmt.Errorf("tenant %q needs an application: its own or the extension's", r.Label()))
		}
	}
	for i := range rows {
		if id := strings.ToLower(rows[i].Name); id != rows[i].TenantID() && ids[id] {
			errs = append(errs, fmt.Errorf("tenant name %q is the id of another", rows[i].Name))
		}
	}
	return errors.Join(errs...)
}
