package api

import (
	"net/http"
	"net/url"
	"strconv"
)

// nextLink returns the link to what follows the page, empty where the API gives none: in a bare array, and after a
// request with $top unless a fault makes it page by itself.
func nextLink(e *exchange, q *question, size int) string {
	if e.surface.array || q.top >= 0 && q.serverPage == 0 && !q.links {
		return ""
	}
	values := e.r.URL.Query()
	if e.surface.api == Graph {
		values.Del("$skip")
		values.Set("$skiptoken", skipToken(q.skip+size))
		return link(e.r, values)
	}
	if q.top >= 0 && !q.links {
		rest := q.top - size
		if rest <= 0 {
			return ""
		}
		values.Set("$top", strconv.Itoa(rest))
	}
	values.Set("$skip", strconv.Itoa(q.skip+size))
	return link(e.r, values)
}

// link is the request's own address with another query. RequestURI holds the prefix that a mux has stripped from URL.
func link(r *http.Request, values url.Values) string {
	path := r.URL.Path
	if u, err := url.ParseRequestURI(r.RequestURI); err == nil {
		path = u.Path
	}
	return origin(r) + path + "?" + values.Encode()
}

func origin(r *http.Request) string {
	scheme := "https"
	if r.TLS == nil {
		scheme = "http"
	}
	return scheme + "://" + r.Host
}
