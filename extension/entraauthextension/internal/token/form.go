package token

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/internal/refresh"
)

const (
	scopeSuffix = "/.default"
	// maxLife bounds what an answer may say of a token's life; Entra's longest are 28 hours.
	maxLife = 7 * 24 * time.Hour
)

// isV2 tells a scope of the v2.0 endpoint from a resource of the v1.0 endpoint, which has no such ending.
func (s Subject) isV2() bool { return strings.HasSuffix(s.Scope, scopeSuffix) }

func (s Subject) tokenEndpoint() string {
	path := "/oauth2/token"
	if s.isV2() {
		path = "/oauth2/v2.0/token"
	}
	return s.Authority + "/" + s.TenantID + path
}

// wanted are the fields that say what the token is for. Only who asks for offline_access on v2.0 gets a refresh token;
// v1.0 gives one to every user.
func (s Subject) wanted() url.Values {
	switch {
	case !s.isV2():
		return url.Values{"resource": {s.Scope}}
	case s.Delegated:
		return url.Values{"scope": {s.Scope + " offline_access"}}
	default:
		return url.Values{"scope": {s.Scope}}
	}
}

// post asks a token endpoint by a form; a nil grant is that of the application itself.
func (at *attempt) post(ctx context.Context, a *Application, s Subject, grant url.Values) (granted, error) {
	endpoint := s.tokenEndpoint()
	proof, err := at.cred.Prove(ctx, a.clientID, endpoint)
	if err != nil {
		return granted{}, err
	}
	form := url.Values{"client_id": {a.clientID}, "grant_type": {"client_credentials"}}
	for _, fields := range []url.Values{s.wanted(), grant, proof} {
		maps.Copy(form, fields)
	}
	asked := a.env.Now()
	body, err := a.http.postForm(ctx, endpoint, form)
	if err != nil {
		return granted{}, err
	}
	return parseAnswer(body, asked)
}

// postForm returns the body of a 200; every other answer is an *answerError.
func (c *authorityClient) postForm(ctx context.Context, endpoint string, form url.Values) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	resp, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	switch {
	case errors.Is(err, errTooLarge):
		return nil, errTooLarge
	case err != nil:
		return nil, &url.Error{Op: "Post", URL: endpoint, Err: err}
	case resp.StatusCode != http.StatusOK:
		return nil, &answerError{resp.StatusCode, resp.Header.Get("Retry-After"), body}
	}
	return body, nil
}

// tokenAnswer is the answer of RFC 6749. A json.Number is read from a number, as v2.0 writes it, and from a text, as v1.0
// does.
type tokenAnswer struct {
	AccessToken  string      `json:"access_token"`
	ExpiresIn    json.Number `json:"expires_in"`
	RefreshToken string      `json:"refresh_token"`
}

// parseAnswer reads a token endpoint's answer. Its errors quote nothing of it.
func parseAnswer(body []byte, asked time.Time) (granted, error) {
	var doc tokenAnswer
	if !json.Valid(body) {
		return granted{}, errNotJSON
	}
	if json.Unmarshal(body, &doc) != nil {
		return granted{}, errUnusable
	}
	seconds, err := doc.ExpiresIn.Int64()
	life := time.Duration(seconds) * time.Second
	if err != nil || seconds <= 0 || seconds > int64(maxLife/time.Second) || !visible(doc.AccessToken) ||
		(doc.RefreshToken != "" && !refresh.Usable(doc.RefreshToken)) {
		return granted{}, errUnusable
	}
	return granted{newToken(doc.AccessToken, asked.Add(life)), doc.RefreshToken}, nil
}

// visible tells whether text can stand in a header.
func visible(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}
