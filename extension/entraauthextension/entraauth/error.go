package entraauth

import (
	"fmt"
	"time"
)

// Reason classifies why a tenant has no token. The values appear in logs and in metrics.
type Reason string

// The reasons, with who must act.
const (
	// ReasonCredential: Entra refuses the application's own secret, certificate or assertion. The provider.
	ReasonCredential Reason = "application_credential"
	// ReasonNotConsented: the application is not, or no longer, consented in the tenant. The customer.
	ReasonNotConsented Reason = "not_consented"
	// ReasonNoRole: the token lacks the permission that the API needs. The customer, by consenting again.
	ReasonNoRole Reason = "no_role"
	// ReasonDisabled: the application is disabled in the tenant. The customer.
	ReasonDisabled Reason = "application_disabled"
	// ReasonNotLicensed: the API is not provisioned in the tenant. The customer.
	ReasonNotLicensed Reason = "not_licensed"
	// ReasonUnknownTenant: no such tenant. The provider, by mending the id or the cloud.
	ReasonUnknownTenant Reason = "unknown_tenant"
	// ReasonWrongCloud: the tenant lives in another national cloud. The provider.
	ReasonWrongCloud Reason = "wrong_cloud"
	// ReasonBlocked: a policy of the customer blocks the sign-in. The customer.
	ReasonBlocked Reason = "blocked_by_policy"
	// ReasonSignIn: the delegated sign-in ended. The customer, by signing in again.
	ReasonSignIn Reason = "sign_in_required"
	// ReasonStorage: the refresh token of the delegated sign-in cannot be stored or read. The provider.
	ReasonStorage Reason = "storage"
	// ReasonConfiguration: Entra refuses the request itself. The provider.
	ReasonConfiguration Reason = "configuration"
	// ReasonWrongToken: Entra answered with a token of another tenant; it is never used. The provider.
	ReasonWrongToken Reason = "wrong_token"
	// ReasonThrottled: Entra asks to wait. Nobody.
	ReasonThrottled Reason = "throttled"
	// ReasonTransient: Entra could not be reached or had a fault. Nobody, if it passes.
	ReasonTransient Reason = "transient"
	// ReasonOrigin: the request would have carried a token to an origin that is not the API's. Nothing was sent.
	ReasonOrigin Reason = "foreign_origin"
)

// Error says why a request got no token. It survives http.Client's wrapping: find it with errors.As.
type Error struct {
	Reason Reason
	// Code is the AADSTS code, such as AADSTS700016, empty where Entra gave none.
	Code string
	// Advice is one plain sentence that says who must do what.
	Advice string
	// RetryAt is when Entra will be asked again; the zero time where that is at once. Until then every request of
	// the tenant and scope gets this error without a request to Entra.
	RetryAt time.Time
	// Err is what happened, without secrets; may be nil.
	Err error
}

// Error returns the reason, the code, the cause and the advice in one line.
func (e *Error) Error() string {
	text := string(e.Reason)
	if e.Code != "" {
		text += " (" + e.Code + ")"
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	if e.Advice != "" {
		text = fmt.Sprintf("%s: %s", text, e.Advice)
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
