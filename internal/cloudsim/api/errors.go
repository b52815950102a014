package api

import (
	"encoding/json"
	"net/http"
	"time"
)

const contentType = "application/json; odata.metadata=minimal; charset=utf-8"

// refuse answers with an error body of the API's shape and the code that belongs to the status.
func (s *Server) refuse(e *exchange, status int, message string) {
	e.surface.refuse(s, e, status, codeOf(e.surface.api, status), message)
}

// codeOf is the error code documented for a status ("Common REST API error codes", "Microsoft Graph error responses").
func codeOf(api API, status int) string {
	switch status {
	case http.StatusBadRequest:
		if api == Endpoint {
			return "ODataError"
		}
		return "BadRequest"
	case http.StatusUnauthorized:
		if api == Graph {
			return "InvalidAuthenticationToken"
		}
		return "Unauthorized"
	case http.StatusForbidden:
		return "Forbidden"
	case http.StatusNotFound:
		return "ResourceNotFound"
	case http.StatusTooManyRequests:
		return "TooManyRequests"
	case http.StatusInternalServerError:
		return "InternalServerError"
	case http.StatusServiceUnavailable:
		return "ServiceUnavailable"
	case http.StatusGatewayTimeout:
		return "GatewayTimeout"
	default:
		return "UnknownError"
	}
}

// throttle answers 429. It says how long to wait in a header or, as Defender XDR does, in the text; nowhere if after is
// empty.
func (s *Server) throttle(e *exchange, after string) {
	if e.surface.waitInText && after != "" {
		s.refuse(e, http.StatusTooManyRequests, "API calls quota exceeded. You can send requests again in "+after+" seconds.")
		return
	}
	if after != "" {
		e.w.Header().Set("Retry-After", after)
	}
	s.refuse(e, http.StatusTooManyRequests, "Too many requests. Please retry after the time given.")
}

func (s *Server) refuseEndpoint(e *exchange, status int, code, message string) {
	writeJSON(e.w, status, map[string]any{"error": map[string]any{"code": code, "message": message, "target": s.guid()}})
}

func (s *Server) refuseGraph(e *exchange, status int, code, message string) {
	id := s.guid()
	client := e.r.Header.Get("client-request-id")
	if client == "" {
		client = id
	}
	e.w.Header().Set("request-id", id)
	e.w.Header().Set("client-request-id", client)
	if status == http.StatusUnauthorized {
		e.w.Header().Set("WWW-Authenticate", `Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize"`)
	}
	writeJSON(e.w, status, map[string]any{"error": map[string]any{
		"code": code, "message": message,
		"innerError": map[string]any{
			"date": s.world.Now().UTC().Format(time.RFC3339), "request-id": id, "client-request-id": client,
		},
	}})
}

func writeJSON(w http.ResponseWriter, status int, doc any) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(doc) // the client may be gone
}
