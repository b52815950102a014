package entraauth

// Tenant is one customer tenant as other components see it.
type Tenant struct {
	// ID is the Entra tenant id, a GUID in lower case.
	ID string
	// Name is the provider's name for the tenant; the id where the configuration gives none.
	Name string
	// Cloud is the name of the tenant's national cloud, such as public or usgov_gcc_high.
	Cloud string
	// Attributes become resource attributes of everything that comes from the tenant. The values are strings,
	// booleans, int64 and float64. Shared: do not change.
	Attributes map[string]any
}

// Directory is the live list of tenants. The extension implements it; find it by type assertion on the host's
// extensions.
type Directory interface {
	// Watch calls onChange with every enabled tenant, once before it returns and again after each change, one call
	// at a time, until stop is called. The slice is the receiver's to keep. After stop returns no call is running
	// and none follows; onChange must not call stop.
	Watch(onChange func([]Tenant)) (stop func())
}
