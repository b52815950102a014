// Package cloud is the table of Microsoft's national clouds: which hosts answer there and for which resource a token
// must be. A cloud is never a suffix: US GCC signs in at the commercial authority and has .us API hosts.
package cloud

import "slices"

// Cloud is one row of the table. Source: "Microsoft Defender for Endpoint for US Government customers",
// "Microsoft Defender XDR for US Government customers" and "National cloud deployments" of Microsoft Graph.
type Cloud struct {
	// Name is the value of the key `cloud`.
	Name string
	// Authority is the scheme and host of Entra's sign-in.
	Authority string
	// Audience is what a federated credential's token must be issued for.
	Audience string

	Endpoint API
	XDR      API
	Graph    API
	SIEM     API
}

// API is where one of Microsoft's APIs answers. The zero value says that the cloud does not offer it.
type API struct {
	// Host is the scheme and host.
	Host string
	// Regional is Host with a %s for the region, empty where the cloud has one host.
	Regional string
	// Scope is what a token is asked for; it never follows the region. For the SIEM API it is a v1.0 resource.
	Scope string
}

// Offered tells whether the cloud has the API.
func (a API) Offered() bool { return a.Host != "" }

// Public is the name of the default cloud.
const Public = "public"

const scopeSuffix = "/.default"

// Names lists the clouds in the order of the documentation.
func Names() []string {
	return []string{Public, "usgov_gcc", "usgov_gcc_high", "usgov_dod", "china"}
}

// Known tells whether name is a cloud.
func Known(name string) bool { return slices.Contains(Names(), name) }

// Lookup returns the row of a cloud.
func Lookup(name string) (Cloud, bool) {
	const (
		commercialAuthority = "https://login.microsoftonline.com"
		governmentAuthority = "https://login.microsoftonline.us"
		governmentAudience  = "api://AzureADTokenExchangeUSGov"
	)
	switch name {
	case Public:
		return Cloud{
			Name: name, Authority: commercialAuthority, Audience: "api://AzureADTokenExchange",
			Endpoint: API{
				Host:     "https://api.security.microsoft.com",
				Regional: "https://%s.api.security.microsoft.com",
				Scope:    "https://api.securitycenter.microsoft.com" + scopeSuffix,
			},
			XDR:   sameHost("https://api.security.microsoft.com"),
			Graph: sameHost("https://graph.microsoft.com"),
			SIEM: API{
				Host:     "https://wdatp-alertexporter-us.windows.com",
				Regional: "https://wdatp-alertexporter-%s.windows.com",
				Scope:    "https://graph.windows.net",
			},
		}, true
	case "usgov_gcc":
		return Cloud{
			Name: name, Authority: commercialAuthority, Audience: "api://AzureADTokenExchange",
			Endpoint: sameHost("https://api-gcc.securitycenter.microsoft.us"),
			XDR:      sameHost("https://api-gcc.security.microsoft.us"),
			Graph:    sameHost("https://graph.microsoft.com"),
		}, true
	case "usgov_gcc_high":
		return Cloud{
			Name: name, Authority: governmentAuthority, Audience: governmentAudience,
			Endpoint: sameHost("https://api-gov.securitycenter.microsoft.us"),
			XDR:      sameHost("https://api-gov.security.microsoft.us"),
			Graph:    sameHost("https://graph.microsoft.us"),
		}, true
	case "usgov_dod":
		return Cloud{
			Name: name, Authority: governmentAuthority, Audience: governmentAudience,
			Endpoint: sameHost("https://api-gov.securitycenter.microsoft.us"),
			XDR:      sameHost("https://api-gov.security.microsoft.us"),
			Graph:    sameHost("https://dod-graph.microsoft.us"),
		}, true
	case "china":
		// None of the alert APIs is offered there; a source needs its own endpoint and scope.
		return Cloud{
			Name: name, Authority: "https://login.partner.microsoftonline.cn",
			Audience: "api://AzureADTokenExchangeChina",
		}, true
	default:
		return Cloud{}, false
	}
}

// sameHost is an API whose token resource is its host.
func sameHost(host string) API { return API{Host: host, Scope: host + scopeSuffix} }
