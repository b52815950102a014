// Package consent makes the links at which an administrator of a customer consents to the provider's application.
package consent

import (
	"crypto/rand"
	"net/url"
	"strings"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension"
)

// RedirectURI is where a browser is sent after the consent if nobody says otherwise. It is registered with the
// application, and nothing needs to answer there.
const RedirectURI = "https://localhost"

// anyTenant stands for the tenant of whoever opens the link.
const anyTenant = "organizations"

// Link is where an administrator of a tenant consents.
type Link struct {
	// Tenant and TenantID are empty in a link for any tenant of the cloud.
	Tenant   string `json:"tenant,omitempty"`
	TenantID string `json:"tenant_id,omitempty"`
	Cloud    string `json:"cloud"`
	ClientID string `json:"client_id"`
	URL      string `json:"url"`
	// State comes back with the answer. It cannot be guessed, so that an answer which has it belongs to this link.
	State string `json:"state"`
}

// ForTenant returns the link of one tenant. An empty redirectURI leaves it to Entra, which takes the first one that is
// registered with the application.
func ForTenant(r entraauthextension.Registration, redirectURI string) Link {
	link := ForAny(r, redirectURI)
	link.Tenant, link.TenantID = r.Tenant.Name, r.Tenant.ID
	link.URL = address(r, r.Tenant.ID, redirectURI, link.State)
	return link
}

// ForAny returns a link for every tenant of the cloud and the application of a tenant.
func ForAny(r entraauthextension.Registration, redirectURI string) Link {
	state := rand.Text()
	return Link{
		Cloud: r.Tenant.Cloud, ClientID: r.ClientID, State: state, URL: address(r, anyTenant, redirectURI, state),
	}
}

// address is the v1 form of the admin consent page. It names no scope and asks for every permission that is registered
// with the application, on all APIs at once. The v2.0 form wants a scope, whose .default names one API; that the others
// are granted as well is nowhere promised. Source: "Grant tenant-wide admin consent to an application".
func address(r entraauthextension.Registration, tenant, redirectURI, state string) string {
	query := "client_id=" + url.QueryEscape(r.ClientID)
	if redirectURI != "" {
		query += "&redirect_uri=" + url.QueryEscape(redirectURI)
	}
	return strings.TrimRight(r.Authority, "/") + "/" + tenant + "/adminconsent?" + query + "&state=" + state
}
