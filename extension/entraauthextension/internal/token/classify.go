package token

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	msalerrors "github.com/AzureAD/microsoft-authentication-library-for-go/apps/errors"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/internal/credential"
)

const (
	maxDescription = 300
	maxRetryAfter  = time.Hour
)

// classify turns an error of Microsoft's library into ours, and keeps nothing of the original where that holds the
// request with the secret or an answer that may be anything.
func classify(err error, s Subject, now time.Time) *entraauth.Error {
	var (
		local  *credential.Error
		answer *answerError
		call   msalerrors.CallErr
	)
	var refused *entraauth.Error
	switch {
	case errors.As(err, &local):
		refused = &entraauth.Error{Reason: entraauth.ReasonCredential, Err: local}
		if local.Temporary {
			refused.Reason = entraauth.ReasonTransient
		}
	case errors.As(err, &answer):
		refused = ClassifyAnswer(answer.status, answer.retryAfter, answer.body, now)
	case errors.As(err, &call):
		refused = classifyAnswer(call.Resp, now)
	default:
		refused = classifyTransport(err)
	}
	if s.Delegated && refused.Reason == entraauth.ReasonBlocked && !isKnown(refused.Code) {
		refused.Reason = entraauth.ReasonSignIn // of a user's grant invalid_grant and its like say that it ended
	}
	refused.Advice = adviceFor(refused, s)
	return refused
}

func isKnown(code string) bool {
	n, err := strconv.Atoi(strings.TrimPrefix(code, "AADSTS"))
	_, known := reasonOfCode(n)
	return err == nil && known
}

// classifyTransport is for what never became an answer of Entra.
func classifyTransport(err error) *entraauth.Error {
	var (
		foreign  *foreignError
		distrust *tls.CertificateVerificationError
		link     *url.Error
		garbage  msalerrors.InvalidJsonErr
	)
	refused := &entraauth.Error{Reason: entraauth.ReasonTransient}
	switch {
	case errors.As(err, &foreign):
		refused.Reason, refused.Err = entraauth.ReasonWrongCloud, foreign
	case errors.Is(err, errTooLarge):
		refused.Err = errTooLarge
	case errors.As(err, &distrust):
		refused.Reason, refused.Err = entraauth.ReasonConfiguration, &distrustError{printable(distrust.Err.Error())}
	case errors.As(err, &link):
		refused.Err = fmt.Errorf("reaching the authority: %w", link.Err)
	case errors.As(err, &garbage), errors.Is(err, errNotJSON):
		refused.Err = errNotJSON
	case errors.Is(err, context.DeadlineExceeded):
		refused.Err = context.DeadlineExceeded
	case errors.Is(err, context.Canceled):
		refused.Err = context.Canceled
	default:
		refused.Err = errUnusable
	}
	return refused
}

var (
	errNotJSON  = errors.New("the authority's answer is not JSON")
	errUnusable = errors.New("the authority's answer cannot be used")
)

// distrustError says why the authority's certificate is not trusted. The text names what a foreign certificate holds.
type distrustError struct{ text string }

func (e *distrustError) Error() string { return "trusting the authority's certificate: " + e.text }

// document is Entra's error body.
type document struct {
	Error       string          `json:"error"`
	Description string          `json:"error_description"`
	Codes       json.RawMessage `json:"error_codes"`
}

func classifyAnswer(resp *http.Response, now time.Time) *entraauth.Error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		body = nil
	}
	return ClassifyAnswer(resp.StatusCode, resp.Header.Get("Retry-After"), body, now)
}

// ClassifyAnswer classifies a refusal by its status, its OAuth error and its AADSTS code. What it cannot place is the
// conservative ReasonConfiguration. Advice is left to the caller.
func ClassifyAnswer(status int, retryAfter string, body []byte, now time.Time) *entraauth.Error {
	var doc document
	if json.Unmarshal(body, &doc) != nil {
		doc = document{}
	}
	code := doc.code()
	refused := &entraauth.Error{Reason: reasonOf(status, doc.Error, code), Err: doc.cause(status)}
	if code != 0 {
		refused.Code = "AADSTS" + strconv.Itoa(code)
	}
	if wait, ok := RetryAfter(retryAfter, now); ok &&
		(refused.Reason == entraauth.ReasonThrottled || refused.Reason == entraauth.ReasonTransient) {
		refused.RetryAt = now.Add(wait)
	}
	return refused
}

func reasonOf(status int, oauth string, code int) entraauth.Reason {
	if status == http.StatusTooManyRequests {
		return entraauth.ReasonThrottled
	}
	if reason, ok := reasonOfCode(code); ok {
		return reason
	}
	if reason, ok := reasonOfError(oauth); ok {
		return reason
	}
	if status >= http.StatusInternalServerError || status == http.StatusRequestTimeout {
		return entraauth.ReasonTransient
	}
	return entraauth.ReasonConfiguration
}

// code is the first of error_codes, or the one that the description begins with.
func (d document) code() int {
	var codes []int
	if json.Unmarshal(d.Codes, &codes) == nil && len(codes) > 0 && codes[0] > 0 {
		return codes[0]
	}
	rest, ok := strings.CutPrefix(d.Description, "AADSTS")
	if !ok {
		return 0
	}
	digits := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return n
}

// cause is the description without its identifiers; a body that is not Entra's is not repeated.
func (d document) cause(status int) error {
	line, _, _ := strings.Cut(d.Description, "\n")
	line, _, _ = strings.Cut(line, " Trace ID:")
	line = printable(line)
	if line == "" {
		return fmt.Errorf("status %d without an explanation", status)
	}
	return errors.New(line)
}

// printable drops control characters and bounds the length at a whole character.
func printable(s string) string {
	var b strings.Builder
	for _, r := range strings.TrimSpace(s) {
		if !strconv.IsPrint(r) {
			continue
		}
		if b.Len()+len(string(r)) > maxDescription {
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}

// RetryAfter reads the header of that name, seconds or a date, and bounds it to between nothing and an hour.
func RetryAfter(value string, now time.Time) (time.Duration, bool) {
	value = strings.TrimSpace(value)
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil {
		return time.Duration(min(seconds, uint64(maxRetryAfter/time.Second))) * time.Second, true
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return min(max(at.Sub(now), 0), maxRetryAfter), true
}
