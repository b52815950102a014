package entra

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Fault is a scripted answer in place of the true one.
type Fault struct {
	// Status of the answer; 400 if a Code is given, the true answer (after Delay) if both are empty and Body too.
	Status int
	// Error is the OAuth error; from the status if empty.
	Error string
	// Code is the AADSTS code, with or without its prefix.
	Code string
	// RetryAfter is sent as the header of that name.
	RetryAfter string
	// Location is sent as the header of that name, for a redirect.
	Location string
	// Body replaces the error document: garbage, HTML, a truncated token.
	Body string
	// Delay is waited before anything is answered.
	Delay time.Duration
	// Hang answers nothing until the client gives up.
	Hang bool
	// Lost grants what is asked for, as Entra would, but the answer never comes.
	Lost bool
	// Metadata applies the fault to OpenID metadata too.
	Metadata bool
	// Times is how many answers it changes, all if zero.
	Times int
}

// refusal is an error answer of Entra.
type refusal struct {
	status int
	oauth  string
	code   int
	text   string
}

func (r refusal) outcome() string { return fmt.Sprintf("AADSTS%d", r.code) }

// takeFault returns the fault of a tenant and counts it.
func (s *Server) takeFault(tenant string, metadata bool) (Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := strings.ToLower(tenant)
	f, ok := s.faults[key]
	if !ok || (metadata && !f.Metadata) {
		return Fault{}, false
	}
	switch f.Times {
	case 0:
	case 1:
		delete(s.faults, key)
	default:
		left := f
		left.Times--
		s.faults[key] = left
	}
	return f, true
}

// play performs a fault and tells whether it was the whole answer.
func (s *Server) play(w http.ResponseWriter, r *http.Request, f Fault) bool {
	if f.Hang {
		<-r.Context().Done()
		return true
	}
	if !wait(r, f.Delay) {
		return true
	}
	if f.Status == 0 && f.Code == "" && f.Body == "" {
		return false
	}
	setHeader(w, "Retry-After", f.RetryAfter)
	setHeader(w, "Location", f.Location)
	if f.Body != "" {
		w.WriteHeader(cmp.Or(f.Status, http.StatusOK))
		_, _ = w.Write([]byte(f.Body))
		return true
	}
	code, _ := strconv.Atoi(strings.TrimPrefix(f.Code, "AADSTS"))
	answer := sentence(code)
	answer.status = cmp.Or(f.Status, answer.status)
	answer.oauth = cmp.Or(f.Error, answer.oauth, oauthError(answer.status))
	s.refuse(w, answer)
	return true
}

// sentence is how Entra puts a refusal that faults script most often.
func sentence(code int) refusal {
	const bad, unauthorized = http.StatusBadRequest, http.StatusUnauthorized
	r := refusal{status: bad, code: code, text: "Scripted fault."}
	switch code {
	case 53003:
		r = refusal{bad, "invalid_grant", code, "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance."}
	case 50076:
		r = refusal{bad, "interaction_required", code, "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access the resource."}
	case 50173:
		r = refusal{bad, "invalid_grant", code, "The provided grant has expired due to it being revoked, a fresh auth token is needed."}
	case 70008:
		r = refusal{bad, "invalid_grant", code, "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource."}
	case 70043:
		r = refusal{bad, "invalid_grant", code, "The refresh token has expired or is invalid due to sign-in frequency checks by conditional access."}
	case 700082:
		r = refusal{bad, "invalid_grant", code, "The refresh token has expired due to inactivity."}
	case 7000222:
		r = refusal{unauthorized, "invalid_client", code, "The provided client secret keys for app are expired."}
	case 900432:
		r = refusal{bad, "invalid_request", code, "Confidential Client is not supported in Cross Cloud request."}
	}
	return r
}

func wait(r *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

func setHeader(w http.ResponseWriter, name, value string) {
	if value != "" {
		w.Header().Set(name, value)
	}
}

func oauthError(status int) string {
	switch {
	case status == http.StatusUnauthorized:
		return "invalid_client"
	case status == http.StatusTooManyRequests, status >= http.StatusInternalServerError:
		return "temporarily_unavailable"
	default:
		return "invalid_request"
	}
}

// refuse writes Entra's error document.
func (s *Server) refuse(w http.ResponseWriter, r refusal) {
	trace, correlation := s.guid(), s.guid()
	now := s.opts.Now().UTC().Format("2006-01-02 15:04:05Z")
	doc := map[string]any{
		"error": r.oauth,
		"error_description": fmt.Sprintf("AADSTS%d: %s Trace ID: %s Correlation ID: %s Timestamp: %s",
			r.code, r.text, trace, correlation, now),
		"error_codes": []int{r.code}, "timestamp": now, "trace_id": trace, "correlation_id": correlation,
		"error_uri": fmt.Sprintf("https://login.microsoftonline.com/error?code=%d", r.code),
	}
	if r.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer error=%q, error_description="AADSTS%d"`, r.oauth, r.code))
	}
	w.Header().Set("x-ms-request-id", trace)
	writeJSON(w, r.status, doc)
}

func writeJSON(w http.ResponseWriter, status int, doc any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store, no-cache")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(doc)
}

// guid returns a new identifier; they count up, so that runs are alike.
func (s *Server) guid() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	return fmt.Sprintf("00000000-0000-4000-8000-%012x", s.serial)
}
