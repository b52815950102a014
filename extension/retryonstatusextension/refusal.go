package retryonstatusextension

import (
	"fmt"
	"net/http"
)

// refusal is an answer as an error. To an exporter it is one like a broken connection: for now, not for ever.
type refusal struct {
	destination string // scheme and host
	status      int
	excerpt     string // of what the answer says; may be empty
}

// newRefusal reads an answer to its end, within bounds.
func newRefusal(req *http.Request, resp *http.Response) *refusal {
	r := &refusal{destination: origin(req), status: resp.StatusCode}
	text := drain(resp.Body)
	if resp.Header.Get("Content-Encoding") == "" {
		r.excerpt = excerpt(text, req)
	}
	return r
}

// origin names where a request goes, without path and query, which may hold secrets.
func origin(req *http.Request) string { return req.URL.Scheme + "://" + req.URL.Host }

// HTTPStatus is the status of the answer, for an authenticator around this client that has to know whether its token was refused.
func (r *refusal) HTTPStatus() int { return r.status }

// Error names the destination, the status, what the answer says and who must do what.
func (r *refusal) Error() string {
	text := fmt.Sprintf("%s answered %d %s", r.destination, r.status, http.StatusText(r.status))
	if r.excerpt != "" {
		text += " (" + r.excerpt + ")"
	}
	return text + ": " + r.advice()
}

// advice says who must do what.
func (r *refusal) advice() string {
	switch r.status {
	case http.StatusUnauthorized:
		return "the provider must renew the token that the exporter sends"
	case http.StatusForbidden:
		return "the provider must enable the token there, or give it the permission that it lacks"
	case http.StatusNotFound:
		return "the provider must check the exporter's endpoint, and that its route or index exists there"
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther:
		return "the provider must check the token and the exporter's endpoint: the redirect leads to a page that takes no records"
	}
	if r.status == http.StatusRequestTimeout || r.status >= http.StatusInternalServerError {
		return "nobody must act if it passes"
	}
	return "the provider must find out there what is wrong with what the exporter sends"
}
