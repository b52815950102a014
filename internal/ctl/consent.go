package ctl

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/otelcol-defender/otelcol-defender/internal/ctl/consent"
	"github.com/otelcol-defender/otelcol-defender/internal/ctl/deployment"
	"github.com/otelcol-defender/otelcol-defender/internal/ctl/terminal"
)

// consentFlags are those of defenderctl consent-url.
type consentFlags struct {
	common
	redirectURI string
	general     bool
	json        bool
	wait        bool
	port        int
	timeout     time.Duration
}

func consentURL() command {
	return command{
		name: "consent-url", summary: "print the links at which customers consent to the application",
		about: `
There is one link for each enabled tenant. An administrator of the customer opens it, signs in and accepts; it asks for
every permission that is registered with the application. The browser then goes to the redirect URI, where nothing needs
to answer. Its address has the state of the link, and "error" if the consent was refused.

Nothing is asked of Microsoft, unless --wait is given: then the links lead back to this machine, for who opens them in a
browser here, and the consent is proven by a token, as defenderctl doctor does.

Examples:
  defenderctl consent-url --config config.yaml --tenant contoso
  defenderctl consent-url --config config.yaml --general
  defenderctl consent-url --config config.yaml --tenant testbed --wait
  defenderctl consent-url --config config.yaml --json | jq -r '.[] | [.tenant, .url] | @tsv'
`,
		flags: func(f *flag.FlagSet) action {
			var o consentFlags
			o.declare(f)
			f.StringVar(&o.redirectURI, "redirect-uri", consent.RedirectURI,
				"registered `URI` for the browser afterwards; empty for the first one")
			f.BoolVar(&o.general, "general", false, "one link for each cloud and application, which any customer can open")
			f.BoolVar(&o.json, "json", false, "print the links as JSON")
			f.BoolVar(&o.wait, "wait", false, "wait for the answers on this machine, and prove the consent")
			f.IntVar(&o.port, "port", 0, "`PORT` on this machine for --wait; a free one if 0")
			f.DurationVar(&o.timeout, "timeout", defaultWait, "how `LONG` --wait waits")
			return o.run
		},
	}
}

func (o *consentFlags) run(ctx context.Context, p *Program) error {
	if err := o.check(); err != nil {
		return err
	}
	d, err := o.load(ctx, p)
	if err != nil {
		return err
	}
	if o.wait {
		return o.awaitConsent(ctx, p, d)
	}
	links, err := o.links(d)
	if err != nil {
		return err
	}
	if o.json {
		return printJSON(p, links)
	}
	printLinks(p.Stdout, links)
	_, _ = fmt.Fprintln(p.Stderr, "An administrator of the customer opens the link. Then: defenderctl doctor --config FILE --tenant NAME")
	return nil
}

func (o *consentFlags) check() error {
	switch {
	case o.general && len(o.tenants) > 0:
		return errors.New("--general and --tenant exclude each other: a general link is for any tenant")
	case o.wait && (o.general || o.json || o.redirectURI != consent.RedirectURI):
		return errors.New("--wait goes with --tenant, --port and --timeout alone: it has a redirect URI of its own, and waits for tenants of the list")
	case o.wait && o.timeout <= 0:
		return errors.New("--timeout takes a duration, such as 15m")
	case o.redirectURI == "":
		return nil
	}
	u, err := url.Parse(o.redirectURI)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return fmt.Errorf("--redirect-uri takes a URI that is registered with the application, such as %s", consent.RedirectURI)
	}
	return nil
}

func (o *consentFlags) links(d *deployment.Deployment) ([]consent.Link, error) {
	registrations, err := registrations(d, o.tenants)
	if err != nil {
		return nil, err
	}
	links := []consent.Link{}
	for _, r := range registrations {
		if !o.general {
			links = append(links, consent.ForTenant(r, o.redirectURI))
			continue
		}
		same := func(l consent.Link) bool { return l.Cloud == r.Tenant.Cloud && l.ClientID == r.ClientID }
		if !slices.ContainsFunc(links, same) {
			links = append(links, consent.ForAny(r, o.redirectURI))
		}
	}
	return links, nil
}

func printLinks(out terminal.Output, links []consent.Link) {
	for i, l := range links {
		if i > 0 {
			_, _ = fmt.Fprintln(out)
		}
		title := l.Tenant
		if title == "" {
			title = "any tenant"
		}
		_, _ = fmt.Fprintln(out, out.Paint(terminal.Bold, title))
		var columns terminal.Columns
		for _, row := range [][]string{{"tenant id", l.TenantID}, {"cloud", l.Cloud}, {"application", l.ClientID}, {"state", l.State}, {"link", l.URL}} {
			if row[1] != "" {
				columns.Add(row)
			}
		}
		for _, line := range columns.Lines(out, "  ") {
			_, _ = fmt.Fprintln(out, line)
		}
	}
}
