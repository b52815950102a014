package token

import (
	"errors"
	"fmt"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
)

// reasonOfCode refines Entra's numbers. They are diagnostics that Microsoft may change, so what is not here falls back
// to the OAuth error. Source: "Microsoft Entra authentication and authorization error codes".
func reasonOfCode(code int) (entraauth.Reason, bool) {
	switch code {
	case 7000215, 7000222, 70002, 7000218, 700027, 50012, 50013, 500133, 700030, 70021, 700211, 700212, 700213, 7002138,
		700024, 700229:
		return entraauth.ReasonCredential, true
	case 700016, 700011, 65001, 65004, 90094, 90099:
		return entraauth.ReasonNotConsented, true
	case 7000112, 70001:
		return entraauth.ReasonDisabled, true
	case 500011, 650052:
		return entraauth.ReasonNotLicensed, true
	case 90002:
		return entraauth.ReasonUnknownTenant, true
	case 90038, 900382, 900432:
		return entraauth.ReasonWrongCloud, true
	case 53003, 530031, 530032, 530034, 50105, 501051, 50131, 500021, 500022, 500212, 500213:
		return entraauth.ReasonBlocked, true
	case 50034, 51004, 50020, 90072, 50057, 50055, 50126, 50053, 50076, 50079, 50074, 50072, 50078, 50173, 70008, 700082,
		70043, 50089, 70000, 700084, 54005, 700005, 501481:
		return entraauth.ReasonSignIn, true
	case 50001, 70011, 28002, 900144, 901002, 70003, 50059, 9001023, 650056, 650057:
		return entraauth.ReasonConfiguration, true
	case 90055, 50196:
		return entraauth.ReasonThrottled, true
	case 50033, 90006, 90012, 90024, 90033, 90090, 50087, 70012, 90025, 50000, 90036:
		return entraauth.ReasonTransient, true
	default:
		return "", false
	}
}

// reasonOfError classifies the OAuth error of RFC 6749 and of OpenID Connect.
func reasonOfError(oauth string) (entraauth.Reason, bool) {
	switch oauth {
	case "invalid_client":
		return entraauth.ReasonCredential, true
	case "unauthorized_client", "consent_required":
		return entraauth.ReasonNotConsented, true
	case "invalid_resource":
		return entraauth.ReasonNotLicensed, true
	case "invalid_tenant":
		return entraauth.ReasonUnknownTenant, true
	case "access_denied", "invalid_grant", "interaction_required", "login_required":
		return entraauth.ReasonBlocked, true // no user signs in as an application: a policy must stand in its way
	case "temporarily_unavailable", "server_error":
		return entraauth.ReasonTransient, true
	case "invalid_request", "invalid_scope", "unsupported_grant_type", "unsupported_response_type":
		return entraauth.ReasonConfiguration, true
	default:
		return "", false
	}
}

// aboutTime tells whether a code is about the times of an assertion, which this machine's clock sets.
func aboutTime(code string) bool {
	switch code {
	case "AADSTS700024", "AADSTS500133", "AADSTS50013", "AADSTS50012":
		return true
	default:
		return false
	}
}

// Subject is what an advice speaks of.
type Subject struct {
	ClientID, Authority, TenantID, Scope string
	// Tenant is the name of a tenant whose user signs in.
	Tenant string
	// Delegated tells that it is a user who signs in, and not the application.
	Delegated bool
}

// Advice is one sentence that says who must do what.
func Advice(reason entraauth.Reason, s Subject) string {
	switch reason {
	case entraauth.ReasonSignIn, entraauth.ReasonStorage:
		return s.adviceToUser(reason)
	case entraauth.ReasonCredential:
		return "the provider must give the application " + s.ClientID + " a valid secret, certificate or federated credential, and the collector the same"
	case entraauth.ReasonNotConsented:
		return "an administrator of the customer must consent to the application " + s.ClientID + ": " + s.consentLink()
	case entraauth.ReasonNoRole:
		return "an administrator of the customer must consent anew to the application " + s.ClientID +
			", which must have the permission registered: " + s.consentLink()
	case entraauth.ReasonDisabled:
		return "an administrator of the customer must enable the enterprise application " + s.ClientID + " for sign-in"
	case entraauth.ReasonNotLicensed:
		return "the customer must license and provision the product behind " + s.Scope + " in the tenant"
	case entraauth.ReasonUnknownTenant:
		return "the provider must correct the tenant's id or cloud, or remove the tenant"
	case entraauth.ReasonWrongCloud:
		return "the provider must set the tenant's cloud to the national cloud it lives in, and use an application registered there"
	case entraauth.ReasonBlocked:
		return "an administrator of the customer must let the application " + s.ClientID + " through the tenant's access policies"
	case entraauth.ReasonConfiguration:
		return "the provider must correct the configuration: Entra refuses the request itself"
	case entraauth.ReasonWrongToken:
		return "the provider must find out why " + s.Authority + " answers with tokens of another tenant; none is used"
	case entraauth.ReasonThrottled:
		return "nobody needs to act: Entra asks to wait"
	case entraauth.ReasonTransient:
		return "nobody needs to act if it passes; otherwise the provider must check the network and proxy to " + s.Authority
	default:
		return ""
	}
}

// adviceFor refines the advice by what more is known of the refusal.
func adviceFor(refused *entraauth.Error, s Subject) string {
	if _, distrusted := errors.AsType[*distrustError](refused.Err); distrusted {
		return "the provider must set http::tls::ca_file of the extension to the issuer that " + s.Authority +
			" has on this network, or find out what intercepts TLS to it"
	}
	switch advice := Advice(refused.Reason, s); {
	case aboutTime(refused.Code):
		return "the provider must check the machine's clock first; if it is right, " + advice
	case refused.Code == "AADSTS7000222":
		return "the provider must create a new secret of the application " + s.ClientID + ", and give it to the collector: the one it has is expired"
	case refused.Code == "AADSTS7000215":
		return "the provider must give the collector a valid secret of the application " + s.ClientID + ": its value, not its id"
	case s.Delegated && refused.Reason == entraauth.ReasonBlocked:
		return "an administrator of the customer must let the user of the application " + s.ClientID + " through the tenant's access policies"
	default:
		return advice
	}
}

// adviceToUser is for tenants whose user signs in.
func (s Subject) adviceToUser(reason entraauth.Reason) string {
	if reason == entraauth.ReasonStorage {
		return "the provider must put back the key that the refresh token was encrypted with, as storage_encryption_key or one of " +
			"storage_encryption_old_keys, or a user of the customer must sign in again" + s.howToSignIn()
	}
	return "a user of the customer must sign in again to the application " + s.ClientID + s.howToSignIn()
}

func (s Subject) howToSignIn() string {
	if s.Tenant == "" {
		return ""
	}
	return fmt.Sprintf(": `defenderctl sign-in --config FILE --tenant %q`, or a new refresh_token of the tenant in the configuration", s.Tenant)
}

func (s Subject) consentLink() string {
	return s.Authority + "/" + s.TenantID + "/adminconsent?client_id=" + s.ClientID
}
