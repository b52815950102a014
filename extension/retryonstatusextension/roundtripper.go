package retryonstatusextension

import (
	"net/http"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// roundTripper is that of one HTTP client, which is one exporter's.
type roundTripper struct {
	ext   *retryExtension
	base  http.RoundTripper
	state state
}

// RoundTrip passes the answer on, or returns a *refusal in its place.
func (rt *roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := rt.base.RoundTrip(req)
	switch {
	case err != nil:
		return resp, err
	case slices.Contains(rt.ext.statuses, resp.StatusCode) || losesBody(req, resp.StatusCode):
		r := newRefusal(req, resp)
		rt.ext.telemetry.ExtensionRetryOnStatusRefused.Add(req.Context(), 1, metric.WithAttributes(
			attribute.String("destination", r.destination), attribute.Int("status", r.status),
		))
		rt.state.refused(r)
		return nil, r
	case resp.StatusCode < http.StatusMultipleChoices:
		rt.state.taken(origin(req))
	}
	return resp, nil
}

// losesBody tells whether an HTTP client would follow the answer with a GET, which carries nothing: what the page there
// answers would pass for the delivery of what was sent. A gateway that asks for a new sign-in does so.
func losesBody(req *http.Request, status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther:
		return req.Method != http.MethodGet && req.Method != http.MethodHead
	}
	return false
}
