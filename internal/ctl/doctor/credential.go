package doctor

import (
	"fmt"
	"time"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/internal/ctl/deployment"
)

// renewBefore is how long before its end a certificate is a problem, as the extension warns of it.
const renewBefore = 30 * 24 * time.Hour

const reasonExpiring = "expiring"

// credentials judges those of every application that tenants use, after the checks have tried them.
func credentials(running *deployment.Running, now time.Time) []Credential {
	list := []Credential{}
	for _, e := range running.Tenants {
		lister, ok := running.GetExtensions()[e.ID].(entraauth.CredentialLister)
		if !ok {
			continue
		}
		for _, info := range lister.Credentials() {
			list = append(list, credentialOf(info, now))
		}
	}
	return list
}

func credentialOf(info entraauth.CredentialInfo, now time.Time) Credential {
	c := Credential{Application: info.ApplicationID, Position: info.Position, Kind: info.Kind, Status: NotChecked}
	if info.Works {
		c.Status = OK
	}
	if !info.Expires.IsZero() {
		expires := info.Expires.UTC()
		c.Expires = &expires
	}
	left := info.Expires.Sub(now)
	switch {
	case info.Failing:
		c.Status = Problem
		c.Finding = Finding{
			Reason: string(entraauth.ReasonCredential), ErrorCode: info.ErrorCode,
			Cause: "Entra refused it when it was tried: " + info.ErrorCode, Next: "the provider renews it, or removes it from the configuration",
		}
		if info.ErrorCode == "" {
			c.Cause = "it cannot be had on this machine"
		}
		if info.Err != nil {
			c.Cause = info.Err.Error()
		}
	case c.Expires != nil && left < renewBefore:
		c.Status = Problem
		c.Finding = Finding{
			Reason: reasonExpiring, Cause: "the certificate ends " + within(left),
			Next: "the provider registers a new certificate with the application and replaces the file",
		}
	}
	return c
}

// within says when something ends.
func within(left time.Duration) string {
	days := int(left / (24 * time.Hour))
	switch {
	case left <= 0:
		return "in the past"
	case days < 1:
		return "within a day"
	case days == 1:
		return "in 1 day"
	default:
		return fmt.Sprintf("in %d days", days)
	}
}
