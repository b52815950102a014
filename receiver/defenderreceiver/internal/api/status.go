package api

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
)

const (
	// maxErrorBody bounds what is read of an error's body, maxMessage what is kept of its text.
	maxErrorBody = 64 * 1024
	maxMessage   = 300
	// maxRetryAfter bounds what a server may ask for: a longer wait would be silence.
	maxRetryAfter = time.Hour
)

// errorBody has the members that the APIs share. Source: "Common REST API error codes" (Defender for Endpoint), "Error
// responses" (Microsoft Graph).
type errorBody struct {
	Error struct {
		Code       string `json:"code"`
		Message    string `json:"message"`
		Target     string `json:"target"`
		InnerError struct {
			RequestID string `json:"request-id"`
		} `json:"innerError"`
	} `json:"error"`
}

// statusError classifies an answer that is not 200. Gateways and proxies answer without a JSON body.
func statusError(resp *http.Response) *Error {
	raw, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody)) // what was read is all that is known
	var body errorBody
	_ = json.Unmarshal(raw, &body) // no JSON: the status says enough
	e := &Error{
		Kind:      kindOf(resp.StatusCode),
		Status:    resp.StatusCode,
		Code:      quoted(resp, body.Error.Code),
		Message:   quoted(resp, body.Error.Message),
		RequestID: quoted(resp, firstOf(body.Error.InnerError.RequestID, body.Error.Target, resp.Header.Get("Request-Id"))),
	}
	if wait := retryAfter(resp.Header.Get("Retry-After"), clockOf(resp)); wait > 0 {
		e.RetryAfter = wait
	} else if e.Kind == KindThrottled {
		e.RetryAfter = waitInText(body.Error.Message)
	}
	return e
}

func kindOf(status int) Kind {
	switch {
	case status == http.StatusUnauthorized:
		return KindUnauthorized
	case status == http.StatusForbidden:
		return KindForbidden
	case status == http.StatusTooManyRequests:
		return KindThrottled
	case status >= 500 || status == http.StatusRequestTimeout:
		return KindServer
	case status >= 400:
		return KindRejected
	case status >= 300:
		return KindRedirect
	default:
		return KindNotAPage
	}
}

// clockOf is the server's clock where it tells it: a date in Retry-After is meant by that one.
func clockOf(resp *http.Response) time.Time {
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		return date
	}
	return time.Now()
}

// retryAfter reads the header: seconds or a date.
func retryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	// Out of range is infinite, or nothing.
	if seconds, err := strconv.ParseFloat(value, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		if !(seconds > 0) { // NaN as well
			return 0
		}
		return time.Duration(min(seconds, maxRetryAfter.Seconds()) * float64(time.Second))
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(0, at.Sub(now)), maxRetryAfter)
	}
	return 0
}

var secondsInText = regexp.MustCompile(`(\d{1,5})\s*(?:s\b|sec)`)

// waitInText finds the wait that the XDR API writes into the text of a 429.
func waitInText(text string) time.Duration {
	found := secondsInText.FindStringSubmatch(text)
	if found == nil {
		return 0
	}
	seconds, _ := strconv.Atoi(found[1]) // the pattern has digits only
	return min(time.Duration(seconds)*time.Second, maxRetryAfter)
}

// quoted keeps one line of what an answer says, without the token in case it repeats the request.
func quoted(resp *http.Response, text string) string {
	if resp.Request == nil {
		return bounded(text)
	}
	if _, token, _ := strings.Cut(resp.Request.Header.Get("Authorization"), " "); token != "" {
		text = strings.ReplaceAll(text, token, "[token]")
	}
	return bounded(text)
}

// bounded keeps one line of a foreign text. What does not print could break or turn the line of a log.
func bounded(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	if len(text) > maxMessage {
		text = strings.ToValidUTF8(text[:maxMessage], "") + "…"
	}
	return strings.TrimSpace(text)
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
