package token

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
)

// maxAnswer bounds an answer of the authority.
const maxAnswer = 1 << 20

var errTooLarge = errors.New("the authority's answer is too large")

// foreignError says that the authority refers to another host, as Entra does for a tenant of another national cloud.
type foreignError struct{ place string }

func (e *foreignError) Error() string {
	return fmt.Sprintf("the authority refers to %s", e.place)
}

// authorityClient is the HTTP client given to Microsoft's library: credentials go to the authority's origin alone, and
// an answer is bounded.
type authorityClient struct {
	http   *http.Client
	origin string
}

// Do sends a request to the authority.
func (c *authorityClient) Do(req *http.Request) (*http.Response, error) {
	if origin := entraauth.Origin(req.URL); origin != c.origin {
		return nil, &foreignError{origin}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	resp.Body = &boundedBody{ReadCloser: resp.Body, left: maxAnswer}
	if req.Method != http.MethodGet {
		return resp, nil
	}
	return c.inspectMetadata(resp)
}

// answerError is an answer in place of metadata or of a token. Microsoft's library gives the same error to all who wait for a
// tenant's metadata, so it has the answer itself, and not a body that only the first of them could read.
type answerError struct {
	status     int
	retryAfter string
	body       []byte
}

func (e *answerError) Error() string {
	return fmt.Sprintf("the authority answers with status %d", e.status)
}

// inspectMetadata refuses metadata that name a token endpoint elsewhere, before the library remembers them for good.
func (c *authorityClient) inspectMetadata(resp *http.Response) (*http.Response, error) {
	data, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(data))
	var doc struct {
		TokenEndpoint string `json:"token_endpoint"`
	}
	if resp.StatusCode != http.StatusOK {
		return nil, &answerError{resp.StatusCode, resp.Header.Get("Retry-After"), data}
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, errNotJSON // the library would read what it can of it
	}
	if doc.TokenEndpoint == "" {
		return resp, nil // the library misses it as well
	}
	u, err := url.Parse(doc.TokenEndpoint)
	if err != nil || entraauth.Origin(u) != c.origin {
		return nil, &foreignError{printable(doc.TokenEndpoint)}
	}
	return resp, nil
}

// CloseIdleConnections closes what is kept open.
func (c *authorityClient) CloseIdleConnections() { c.http.CloseIdleConnections() }

// boundedBody fails once more than left bytes were read.
type boundedBody struct {
	io.ReadCloser
	left int
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}
