package doctor

import "fmt"

// Gap is what no check covers, though somebody counts on it: a tenant that no receiver polls, or all that was asked for.
type Gap struct {
	// Extension has the tenant. There is none of the three where nothing was checked at all.
	Extension string `json:"extension,omitempty"`
	Tenant    string `json:"tenant,omitempty"`
	TenantID  string `json:"tenant_id,omitempty"`
	Finding
}

func notPolled(extension string) Finding {
	return Finding{
		Reason: "not_polled",
		Cause:  "no defender receiver of a pipeline takes its tenants from " + extension,
		Next:   fmt.Sprintf("the provider names %s as the `authenticator` of a defender receiver, or sets `enabled: false` in the tenant's row", extension),
	}
}

// nothing explains that there was not one check, though receivers may have tenants.
func nothing(tenants bool) Finding {
	f := Finding{Reason: "nothing_checked"}
	if tenants {
		f.Cause = "no receiver polls a tenant of --tenant for a source of --source"
		f.Next = "give a --tenant and a --source that the same receiver has"
		return f
	}
	f.Cause = "the entra_auth extension has no enabled tenant"
	f.Next = "the provider lists one in its `tenants` or `tenants_file`, without which no alert comes"
	return f
}
