package ctl

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension"
	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/internal/ctl/deployment"
	"github.com/otelcol-defender/otelcol-defender/internal/ctl/loopback"
	"github.com/otelcol-defender/otelcol-defender/internal/ctl/signin"
)

const defaultSignIn = 10 * time.Minute

// signInFlags are those of defenderctl sign-in.
type signInFlags struct {
	common
	port    int
	timeout time.Duration
	open    bool
}

func signIn() command {
	return command{
		name: "sign-in", summary: "sign a user of a customer in, and store the refresh token where the collector reads it",
		about: `
For a tenant with "sign_in: delegated" (or a refresh_token) in its row. It prints a link; a user of the customer, or one
of yours with a role there, opens it in a browser on this machine and signs in. The refresh token is stored, encrypted,
in the storage extension that the entra_auth extension names. The collector may run meanwhile, and finds it by itself.

The application needs the redirect URI http://localhost (platform: Web); any port goes with that. Run the command as the
user that the collector runs as, since the file of the storage belongs to it. From another machine, first lead the port
there: ssh -L 8400:localhost:8400 HOST

Examples:
  defenderctl sign-in --config config.yaml --tenant contoso
  defenderctl sign-in --config config.yaml --tenant contoso --port 8400
`,
		flags: func(f *flag.FlagSet) action {
			var o signInFlags
			o.declare(f)
			f.IntVar(&o.port, "port", 0, "`PORT` on this machine for the browser to come back to; a free one if 0")
			f.DurationVar(&o.timeout, "timeout", defaultSignIn, "how `LONG` to wait for the browser")
			f.BoolVar(&o.open, "open", false, "open the link in a browser")
			return o.run
		},
	}
}

func (o *signInFlags) run(ctx context.Context, p *Program) error {
	if len(o.tenants) != 1 {
		return errors.New("--tenant NAME is to be given once: one user signs in at a time")
	}
	if o.timeout <= 0 {
		return errors.New("--timeout takes a duration, such as 10m")
	}
	d, err := o.load(ctx, p)
	if err != nil {
		return err
	}
	who, err := o.find(d)
	if err != nil {
		return err
	}
	storage, err := d.StartStorage(ctx, p.Build, o.logger(p))
	if err != nil {
		return err
	}
	err = o.signIn(ctx, p, who, storage)
	return errors.Join(err, storage.Close(context.WithoutCancel(ctx)))
}

// guest is the tenant whose user signs in.
type guest struct {
	entraauthextension.Registration
	extension deployment.Extension
	scope     string
}

func (o *signInFlags) find(d *deployment.Deployment) (guest, error) {
	for _, e := range d.Tenants {
		list, err := e.Config.Registrations()
		if err != nil {
			return guest{}, fmt.Errorf("extensions::%s: %w", e.ID, err)
		}
		for _, r := range list {
			if !called(r, o.tenants[0]) {
				continue
			}
			if !r.Delegated {
				return guest{}, fmt.Errorf("the application itself signs in to %s: set `sign_in: delegated` in the tenant's row first", r.Tenant.Name)
			}
			scope, err := scopeFor(d, e.ID, r.Tenant)
			return guest{r, e, scope}, err
		}
	}
	return guest{}, unknownTenant(o.tenants[0])
}

// scopeFor is what the sign-in asks for: one resource, since Entra takes no more at a time. The refresh token is good for
// the others as well.
func scopeFor(d *deployment.Deployment, extension component.ID, tenant entraauth.Tenant) (string, error) {
	var v1 string
	for _, r := range d.Receivers {
		if r.Auth() != extension {
			continue
		}
		for _, ask := range r.Config.Asks(tenant) {
			switch {
			case ask.NotOffered != "":
			case signin.IsV1(ask.Scope):
				v1 = ask.Scope
			default:
				return ask.Scope, nil
			}
		}
	}
	if v1 == "" {
		return "", fmt.Errorf("no source is polled for %s: a defender receiver must have one that its cloud offers", tenant.Name)
	}
	return v1, nil
}

func (o *signInFlags) signIn(ctx context.Context, p *Program, who guest, storage *deployment.Running) error {
	listener, err := loopback.Listen(ctx, o.port)
	if err != nil {
		return err
	}
	request := signin.New(who.Registration, who.scope, listener.URI())
	o.invite(ctx, p, who, request, listener)
	limited, cancel := p.limit(ctx, o.timeout)
	defer cancel()
	var result error
	err = listener.Serve(limited, func(ctx context.Context, query url.Values) (loopback.Page, bool) {
		code, err := request.Code(query)
		if errors.Is(err, signin.ErrStranger) {
			return loopback.Stranger(), false
		}
		if err == nil {
			_, err = entraauthextension.SignIn{
				ID: who.extension.ID, Config: who.extension.Config, Host: storage, Settings: storage.Settings(),
			}.Redeem(ctx, who.Tenant.ID, code)
		}
		result = err
		return pageOf(who, err), true
	})
	if err != nil {
		return timedOut(err)
	}
	if result != nil {
		return &exitError{Wrong, fmt.Errorf("signing in to %s: %w", who.Tenant.Name, result)}
	}
	_, _ = fmt.Fprintf(p.Stdout, "\n%s is signed in. The refresh token is stored, encrypted, in %s, where the collector finds it by itself.\nNext: defenderctl doctor%s --tenant %q\n",
		who.Tenant.Name, who.extension.Config.Storage, configFlags(o.config), who.Tenant.Name)
	return nil
}

// invite says where to go.
func (o *signInFlags) invite(ctx context.Context, p *Program, who guest, request signin.Request, listener *loopback.Listener) {
	_, _ = fmt.Fprintf(p.Stdout, "Open this link in a browser on this machine, and sign in as a user who may read the alerts of %s:\n\n  %s\n",
		who.Tenant.Name, request.URL())
	_, _ = fmt.Fprintf(p.Stderr, "Waiting for the browser at %s until %s. Ctrl-C ends.\n", listener.URI(), time.Now().Add(o.timeout).Format(time.TimeOnly))
	if !o.open {
		return
	}
	if err := p.Open(ctx, request.URL()); err != nil {
		_, _ = fmt.Fprintf(p.Stderr, "No browser could be opened (%v): open the link yourself.\n", err)
	}
}

// pageOf tells the browser how it went.
func pageOf(who guest, err error) loopback.Page {
	if err != nil {
		return loopback.Page{Failed: true, Title: "Not signed in", Text: who.Tenant.Name + ": " + err.Error()}
	}
	return loopback.Page{Title: "Signed in", Text: "The collector can now read the alerts of " + who.Tenant.Name + ". You can close this window."}
}

func configFlags(places []string) string {
	var b strings.Builder
	for _, place := range places {
		fmt.Fprintf(&b, " --config %s", place)
	}
	return b.String()
}
