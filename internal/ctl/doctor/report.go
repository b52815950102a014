package doctor

import (
	"time"
)

// Status is how a check or a credential is.
type Status string

// The statuses.
const (
	OK      Status = "ok"
	Problem Status = "problem"
	// NotOffered: the tenant's cloud does not have the API, so the receiver does not poll it.
	NotOffered Status = "not_offered"
	// NotChecked: the command was interrupted before, or there was no need for the credential.
	NotChecked Status = "not_checked"
)

// Report is everything that was found. It is what --json prints, and docs/onboarding.md describes it.
type Report struct {
	Time    time.Time `json:"time"`
	Summary Summary   `json:"summary"`
	// Checks are in the order of the receivers, the tenant list and the sources.
	Checks []Check `json:"checks"`
	// Gaps are what no check covers.
	Gaps        []Gap        `json:"gaps,omitempty"`
	Credentials []Credential `json:"credentials"`
	Clock       Clock        `json:"clock"`
}

// Summary counts.
type Summary struct {
	Tenants    int `json:"tenants"`
	Checks     int `json:"checks"`
	OK         int `json:"ok"`
	Problems   int `json:"problems"`
	NotOffered int `json:"not_offered"`
	NotChecked int `json:"not_checked"`
	// OtherProblems are those of credentials and of the clock.
	OtherProblems int `json:"other_problems"`
	Gaps          int `json:"gaps"`
}

// Check is one source of one tenant.
type Check struct {
	Receiver string `json:"receiver"`
	Tenant   string `json:"tenant"`
	TenantID string `json:"tenant_id"`
	Cloud    string `json:"cloud"`
	Source   string `json:"source"`
	Status   Status `json:"status"`
	Finding
	Scope       string   `json:"scope,omitempty"`
	RolesNeeded []string `json:"roles_needed,omitempty"`
	Token       *Token   `json:"token,omitempty"`
	Read        *Read    `json:"read,omitempty"`
	Quota       []Quota  `json:"quota,omitempty"`
}

// Finding is what is wrong: the reason is that of the receiver's log and metrics.
type Finding struct {
	Reason string `json:"reason,omitempty"`
	// ErrorCode is Entra's, such as AADSTS700016.
	ErrorCode string `json:"error_code,omitempty"`
	Cause     string `json:"cause,omitempty"`
	// Next says in one sentence who must do what.
	Next string `json:"next,omitempty"`
}

// Token is what the token says that requests carry.
type Token struct {
	// Readable tells whether the token could be read; otherwise Expires alone is known.
	Readable bool     `json:"readable"`
	TenantID string   `json:"tenant_id,omitempty"`
	Roles    []string `json:"roles,omitempty"`
	// Delegated tells that a user has signed in, whose permissions Roles are.
	Delegated bool      `json:"delegated"`
	Expires   time.Time `json:"expires"`
}

// Read is what one request to the API found.
type Read struct {
	Endpoint string `json:"endpoint"`
	// Records is how many there were, one at most, of the time that a first poll reads. Newest is when it was updated.
	Records      int        `json:"records"`
	Newest       *time.Time `json:"newest,omitempty"`
	Milliseconds int64      `json:"milliseconds"`
	// ClockOffset is how far the API's clock is ahead of this machine's, in seconds.
	ClockOffset float64 `json:"clock_offset_seconds"`
	// RetryAfter is how long the API asks to wait, in seconds.
	RetryAfter float64 `json:"retry_after_seconds,omitempty"`
	// QuotaUsed is the used part of the quota, 1 for all of it, where the API says so.
	QuotaUsed float64 `json:"quota_used,omitempty"`
}

// Quota is a documented one: at most Requests in any Seconds.
type Quota struct {
	Requests int     `json:"requests"`
	Seconds  float64 `json:"seconds"`
}

// Credential is one credential of an application.
type Credential struct {
	Application string `json:"application"`
	// Position is its place in the configuration, from 1 on.
	Position int    `json:"position"`
	Kind     string `json:"kind"`
	Status   Status `json:"status"`
	Finding
	// Expires is when a certificate ends. Of a secret Entra does not tell.
	Expires *time.Time `json:"expires,omitempty"`
}

// Clock is this machine's.
type Clock struct {
	Status Status `json:"status"`
	// Offset is how far the APIs' clocks are ahead, in seconds; of the API that agrees most.
	Offset float64 `json:"offset_seconds"`
	Finding
}

// Healthy tells whether something was checked, and nothing is wrong. A gap is wrong, and so nothing to check always is.
func (r *Report) Healthy() bool {
	return r.Summary.Problems == 0 && r.Summary.OtherProblems == 0 && r.Summary.Gaps == 0
}

func (r *Report) summarize() {
	s := Summary{Checks: len(r.Checks), Gaps: len(r.Gaps)}
	tenants := map[string]bool{}
	for i := range r.Checks {
		tenants[r.Checks[i].TenantID] = true
		switch r.Checks[i].Status {
		case OK:
			s.OK++
		case Problem:
			s.Problems++
		case NotOffered:
			s.NotOffered++
		case NotChecked:
			s.NotChecked++
		}
	}
	for i := range r.Credentials {
		if r.Credentials[i].Status == Problem {
			s.OtherProblems++
		}
	}
	if r.Clock.Status == Problem {
		s.OtherProblems++
	}
	s.Tenants = len(tenants)
	r.Summary = s
}
