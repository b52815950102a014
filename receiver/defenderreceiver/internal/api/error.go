// Package api sends one request and reads one page. It classifies what goes wrong once, while the answer is at hand, and
// knows nothing of windows, cursors or log records.
package api

import (
	"fmt"
	"time"
)

// Kind classifies an error of an API. The values appear in logs and in metrics as the reason.
type Kind string

// The kinds, with what each means.
const (
	KindUnauthorized Kind = "unauthorized"      // 401 with a token that Entra has just issued
	KindForbidden    Kind = "forbidden"         // 403
	KindThrottled    Kind = "throttled"         // 429
	KindRejected     Kind = "request_rejected"  // any other 4xx
	KindServer       Kind = "server_error"      // 5xx
	KindRedirect     Kind = "redirected"        // 3xx, never followed
	KindNotAPage     Kind = "not_a_page"        // 200, but not the list that was asked for
	KindTooLarge     Kind = "answer_too_large"  // beyond max_response_size
	KindTimeout      Kind = "timeout"           // no complete answer within `timeout`
	KindNetwork      Kind = "network"           // no connection, or it broke
	KindForeignLink  Kind = "foreign_next_link" // a nextLink to another origin
)

// Error is what an API answered in place of a page.
type Error struct {
	Kind   Kind
	Status int    // 0 where there was no answer
	Code   string // of the error body, such as TooManyRequests
	// Message is the error body's own text, bounded.
	Message string
	// RequestID is what Microsoft's support asks for.
	RequestID string
	// RetryAfter is how long the API asks to wait, 0 where it does not say.
	RetryAfter time.Duration
	Err        error
}

// Error returns everything known in one line.
func (e *Error) Error() string {
	text := string(e.Kind)
	if e.Status != 0 {
		text += fmt.Sprintf(": HTTP %d", e.Status)
	}
	if e.Code != "" {
		text += " " + e.Code
	}
	if e.Message != "" {
		text += ": " + e.Message
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	if e.RequestID != "" {
		text += " (request id " + e.RequestID + ")"
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Advice is one sentence that says who must do what.
func (e *Error) Advice() string {
	switch e.Kind {
	case KindUnauthorized:
		return "the provider checks the scope of the source: the API does not accept tokens for it"
	case KindForbidden:
		if e.Code == "DisabledFeature" {
			return "the customer enables the feature, or the provider removes the source for this tenant"
		}
		return "an administrator of the customer grants the application the permission that the source needs, and checks the licence"
	case KindThrottled:
		return "nobody; the receiver waits as long as the API asks"
	case KindRejected:
		return "the provider checks `filter`, `endpoint` and the cloud of the tenant"
	case KindRedirect, KindForeignLink:
		return "the provider checks `endpoint` and the proxy: the answer points to another host, and no token is sent there"
	case KindNotAPage:
		return "the provider checks `endpoint` and the proxy: something else than the API answers"
	case KindTooLarge:
		return "the provider raises `max_response_size` or lowers `page_size`"
	case KindTimeout, KindNetwork:
		return "the provider checks the network if it lasts; the receiver tries again"
	case KindServer:
		return "nobody; the receiver tries again"
	default:
		return ""
	}
}
