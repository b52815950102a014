package ctl

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/internal/ctl/consent"
	"github.com/otelcol-defender/otelcol-defender/internal/ctl/deployment"
	"github.com/otelcol-defender/otelcol-defender/internal/ctl/doctor"
	"github.com/otelcol-defender/otelcol-defender/internal/ctl/loopback"
	"github.com/otelcol-defender/otelcol-defender/internal/ctl/terminal"
)

const (
	defaultWait = 15 * time.Minute
	// effect is how long a consent may take to take effect, and proofEvery how often that is tried.
	effect     = 5 * time.Minute
	proofEvery = 15 * time.Second
	maxText    = 300
)

// awaitConsent prints links that lead back to this machine, waits until each was answered, and proves by their tokens
// which tenants have consented: what a browser brings is nobody's word.
func (o *consentFlags) awaitConsent(ctx context.Context, p *Program, d *deployment.Deployment) error {
	if len(d.Receivers) == 0 {
		return errors.New("--wait proves a consent by the sources of a defender receiver: no pipeline of the configuration has one")
	}
	listener, err := loopback.Listen(ctx, o.port)
	if err != nil {
		return err
	}
	o.redirectURI = listener.URI()
	links, err := o.links(d)
	if err != nil {
		listener.Close()
		return err
	}
	printLinks(p.Stdout, links)
	_, _ = fmt.Fprintf(p.Stderr, "Waiting for %s at %s until %s. The application needs the redirect URI http://localhost. Ctrl-C ends.\n",
		count(len(links), "answer"), o.redirectURI, time.Now().Add(o.timeout).Format(time.TimeOnly))
	w := &waiting{out: p.Stderr, links: links, answered: map[string]bool{}}
	limited, cancel := p.limit(ctx, o.timeout)
	defer cancel()
	if err := listener.Serve(limited, w.handle); err != nil && (!errors.Is(err, errNobodyCame) || len(w.answered) == 0) {
		return timedOut(err)
	}
	w.remind()
	return o.prove(ctx, p, d, w)
}

var errNobodyCame = errors.New("nobody came back from the link in time: run the command again, with a longer --timeout if need be")

// limit is the time in which a browser must come back.
func (p *Program) limit(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if p.Limit != nil {
		return p.Limit(ctx, timeout, errNobodyCame)
	}
	return context.WithTimeoutCause(ctx, timeout, errNobodyCame)
}

// timedOut gives a wait that was too long the status of something wrong.
func timedOut(err error) error {
	if errors.Is(err, errNobodyCame) {
		return &exitError{Wrong, err}
	}
	return err
}

// waiting knows which links have been answered.
type waiting struct {
	out       terminal.Output
	links     []consent.Link
	answered  map[string]bool // by state
	consented []string        // ids of tenants
	refused   int
}

// remind names the tenants whose links nobody has opened to the end.
func (w *waiting) remind() {
	for _, l := range w.links {
		if !w.answered[l.State] {
			_, _ = fmt.Fprintf(w.out, "%s has not answered in time: run the command again for it, with a longer --timeout if need be.\n", l.Tenant)
		}
	}
}

// complete tells whether every link was answered, and none with a refusal.
func (w *waiting) complete() bool { return w.refused == 0 && len(w.answered) == len(w.links) }

// handle takes an answer. An error counts whatever else the answer says: Entra sends admin_consent=True with it too.
func (w *waiting) handle(_ context.Context, query url.Values) (loopback.Page, bool) {
	i := slices.IndexFunc(w.links, func(l consent.Link) bool {
		return subtle.ConstantTimeCompare([]byte(l.State), []byte(query.Get("state"))) == 1
	})
	if i < 0 {
		return loopback.Stranger(), false
	}
	link := w.links[i]
	refused := query.Get("error")
	page := loopback.Page{Title: "Thank you", Text: "The command now checks that the consent of " + link.Tenant + " has taken effect. You can close this window."}
	switch {
	case w.answered[link.State]:
	case refused != "":
		w.refused++
		text := terminal.Printable(fmt.Sprintf("%s (%s)", query.Get("error_description"), refused), maxText)
		page = loopback.Page{Failed: true, Title: "No consent", Text: link.Tenant + ": " + text}
		_, _ = fmt.Fprintf(w.out, "%s has not consented: %s\n", link.Tenant, text)
	default:
		w.consented = append(w.consented, link.TenantID)
		_, _ = fmt.Fprintf(w.out, "%s answered.\n", link.Tenant)
	}
	w.answered[link.State] = true
	return page, len(w.answered) == len(w.links)
}

// prove checks the tenants until their consent has taken effect, and shows how they are.
func (o *consentFlags) prove(ctx context.Context, p *Program, d *deployment.Deployment, w *waiting) error {
	if len(w.consented) == 0 {
		return &exitError{status: Wrong}
	}
	end := time.Now().Add(effect)
	var report *doctor.Report
	for {
		var err error
		if report, err = o.proof(ctx, p, d, w.consented); err != nil {
			return err
		}
		if !pending(report) || time.Now().After(end) {
			break
		}
		if err := p.pause(ctx); err != nil {
			return err
		}
	}
	report.Table(p.Stdout)
	if !w.complete() || !report.Healthy() {
		return &exitError{status: Wrong}
	}
	return nil
}

// proof begins anew each time: a token from before the consent lacks its permissions as long as it lives.
func (o *consentFlags) proof(ctx context.Context, p *Program, d *deployment.Deployment, tenants []string) (*doctor.Report, error) {
	running, err := o.start(ctx, p, d)
	if err != nil {
		return nil, err
	}
	report, err := doctor.Run(ctx, running, doctor.Options{
		Tenants: tenants, Parallel: defaultParallel, Begin: func(int) {}, Step: func() {},
	})
	return report, errors.Join(err, running.Close(context.WithoutCancel(ctx)), ctx.Err())
}

// pending tells whether a tenant's consent has not taken effect yet.
func pending(report *doctor.Report) bool {
	return slices.ContainsFunc(report.Checks, func(c doctor.Check) bool {
		return c.Reason == string(entraauth.ReasonNotConsented) || c.Reason == string(entraauth.ReasonNoRole)
	})
}

func (p *Program) pause(ctx context.Context) error {
	wait := p.Rhythm
	if wait == 0 {
		wait = proofEvery
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func count(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}
