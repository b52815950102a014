package cloudsim

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/otelcol-defender/otelcol-defender/internal/cloud"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/api"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/entra"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// ClientID and ClientSecret are those of the application that every cloud knows from the start.
const (
	ClientID     = "11111111-1111-4111-8111-111111111111"
	ClientSecret = "simulated~secret/of+the=provider"
)

// Options sets up a Cloud. The zero value is one with TLS, the real clock and the documented quotas.
type Options struct {
	// Seed determines every generated alert.
	Seed uint64
	// Now is the clock of alerts, tokens and quotas; time.Now if nil.
	Now func() time.Time
	// Plain serves http; sign-in then does not work, because it insists on https.
	Plain bool
	// TokenLifetime is an hour if zero.
	TokenLifetime time.Duration
	// OpaqueTokens issues tokens that cannot be read.
	OpaqueTokens bool
}

// Cloud is the whole simulation. Everything may be used and changed while it serves.
type Cloud struct {
	World *world.World
	Entra *entra.Server
	API   *api.Server
	// Elsewhere is an origin to which no token may ever go.
	Elsewhere *Elsewhere

	authority *authority
	main      *listener
	aside     *listener
}

// New returns a cloud without tenants that knows one application.
func New(opts Options) *Cloud {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	c := &Cloud{
		World:     world.New(opts.Seed, opts.Now),
		Entra:     entra.New(entra.Options{Now: opts.Now, Lifetime: opts.TokenLifetime, Opaque: opts.OpaqueTokens}),
		Elsewhere: &Elsewhere{},
	}
	c.API = api.New(c.World, c.Entra)
	registered := Consented("")
	c.Entra.SetApp(entra.App{
		ClientID: ClientID, Secrets: []string{ClientSecret}, RedirectURIs: []string{"http://localhost", "https://localhost"},
		Roles: registered.Roles, Scopes: registered.Scopes,
	})
	if !opts.Plain {
		c.authority = newAuthority()
	}
	c.main = newListener(c.handler(), c.authority)
	c.aside = newListener(c.Elsewhere, c.authority)
	return c
}

const endpointPrefix, graphPrefix, xdrPrefix, siemPrefix = "/defender", "/graph", "/xdr", "/siem"

func (c *Cloud) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", c.Entra)
	for prefix, of := range map[string]api.API{
		endpointPrefix: api.Endpoint, graphPrefix: api.Graph, xdrPrefix: api.XDR, siemPrefix: api.SIEM,
	} {
		mux.Handle(prefix+"/", http.StripPrefix(prefix, c.API.Handler(of)))
	}
	return mux
}

// Start listens on a free port of 127.0.0.1.
func (c *Cloud) Start() error {
	if err := c.main.start(); err != nil {
		return err
	}
	if err := c.aside.start(); err != nil {
		return errors.Join(err, c.main.close())
	}
	return nil
}

// Close ends every connection and returns when no request is left.
func (c *Cloud) Close() error { return errors.Join(c.main.close(), c.aside.close()) }

// URL is the root of the listener: the authority_host of the extension.
func (c *Cloud) URL() string { return c.main.url }

// EndpointURL is the endpoint of the source endpoint_alerts.
func (c *Cloud) EndpointURL() string { return c.main.url + endpointPrefix }

// GraphURL is the endpoint of the sources graph_alerts and graph_incidents.
func (c *Cloud) GraphURL() string { return c.main.url + graphPrefix }

// XDRURL is the endpoint of the source xdr_incidents.
func (c *Cloud) XDRURL() string { return c.main.url + xdrPrefix }

// SIEMURL is the endpoint of the source siem_alerts.
func (c *Cloud) SIEMURL() string { return c.main.url + siemPrefix }

// ElsewhereURL is the root of the other origin.
func (c *Cloud) ElsewhereURL() string { return c.aside.url }

// AddTenant adds a tenant that has consented to every API.
func (c *Cloud) AddTenant(id, name string) {
	id = strings.ToLower(id)
	c.World.AddTenant(id, name)
	c.Entra.SetTenant(Consented(id))
}

// Consented is a tenant with every permission that the APIs ask for, in each national cloud's spelling.
func Consented(id string) entra.Tenant {
	roles := map[string][]string{}
	for _, name := range cloud.Names() {
		row, _ := cloud.Lookup(name)
		roles[resource(row.Endpoint)] = []string{"Alert.Read.All"}
		roles[resource(row.Graph)] = []string{"SecurityAlert.Read.All", "SecurityIncident.Read.All"}
		roles[resource(row.XDR)] = []string{"Incident.Read.All"}
	}
	delete(roles, "")
	return entra.Tenant{ID: id, Consented: true, Roles: roles, Scopes: delegated(roles)}
}

// delegated are the permissions of a user in place of those of an application, which have the same names at Graph alone.
func delegated(roles map[string][]string) map[string][]string {
	scopes := map[string][]string{"https://graph.windows.net": {"user_impersonation"}}
	graphs := map[string]bool{}
	for _, name := range cloud.Names() {
		row, _ := cloud.Lookup(name)
		graphs[resource(row.Graph)] = true
	}
	for of, names := range roles {
		for _, name := range names {
			if !graphs[of] {
				name = strings.TrimSuffix(name, ".All")
			}
			scopes[of] = append(scopes[of], name)
		}
	}
	return scopes
}

func resource(of cloud.API) string { return strings.TrimSuffix(of.Scope, "/.default") }
