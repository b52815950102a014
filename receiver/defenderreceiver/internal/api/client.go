package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
)

// Client reads pages. Safe for concurrent use.
type Client struct {
	HTTP *http.Client
	// Timeout bounds the whole exchange, without the time that emit spends outside.
	Timeout time.Duration
	// MaxResponse bounds the decompressed bytes of one answer.
	MaxResponse int64
	// Limits bound what a page holds.
	Limits    odata.Limits
	UserAgent string

	readers sync.Pool // of *odata.Reader
}

// Page is what one answer held.
type Page struct {
	odata.Page
	// ServerTime is the server's clock when it answered, zero where it did not say.
	ServerTime time.Time
}

// New completes c, which must not change afterwards, and returns it: a client that never follows a redirect, because the
// token is for one origin.
func New(hc *http.Client, c *Client) *Client {
	own := *hc
	own.Timeout = 0 // Client.Timeout replaces it: a slow pipeline must not end the reading
	own.Transport = unredirected{own.Transport}
	c.HTTP = &own
	c.readers.New = func() any { return odata.NewReader(c.Limits) }
	return c
}

// unredirected takes the target of a redirect away, so that http.Client hands the answer over as it is. With
// CheckRedirect it would still read the target, and put one that it cannot read into its error.
type unredirected struct{ next http.RoundTripper }

func (u unredirected) RoundTrip(req *http.Request) (*http.Response, error) {
	next := u.next
	if next == nil {
		next = http.DefaultTransport
	}
	resp, err := next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	resp.Header.Del("Location")
	return resp, nil
}

// Emit takes one record, whose text is valid only during the call. Work that may take long, such as handing records to
// the pipeline, goes through outside: the time it takes does not count as the API's.
type Emit func(e odata.Element, outside func(work func() error) error) error

// Read sends one request and passes every record of the page to emit as it comes. The context names the tenant
// (entraauth.NewContext). Errors of the API are *Error, of the token *entraauth.Error; an error of emit comes back as
// it is.
func (c *Client) Read(ctx context.Context, address string, header http.Header, emit Emit) (Page, error) {
	page, err := c.exchange(ctx, address, header, emit, (*odata.Reader).Page)
	if err != nil || page.NextLink == "" {
		return page, err
	}
	if page.NextLink, err = sameOrigin(address, page.NextLink); err != nil {
		return Page{}, err
	}
	return page, nil
}

// Unlinked reads a page whose nextLink is not followed, wherever it points to.
func (c *Client) Unlinked(ctx context.Context, address string, header http.Header, emit Emit) (Page, error) {
	page, err := c.exchange(ctx, address, header, emit, (*odata.Reader).Page)
	page.NextLink = ""
	return page, err
}

// Array does the same as Read for an answer that is a bare array.
func (c *Client) Array(ctx context.Context, address string, header http.Header, emit Emit) (Page, error) {
	return c.exchange(ctx, address, header, emit, (*odata.Reader).Array)
}

// One reads an answer that is a single record.
func (c *Client) One(ctx context.Context, address string, header http.Header, emit Emit) error {
	_, err := c.exchange(ctx, address, header, emit, (*odata.Reader).One)
	return err
}

// shape splits the records off an answer.
type shape func(*odata.Reader, io.Reader, func(odata.Element) error) (odata.Page, error)

func (c *Client) exchange(ctx context.Context, address string, header http.Header, emit Emit, read shape) (Page, error) {
	ctx, watch := newStopwatch(ctx, c.Timeout)
	defer watch.end()
	resp, err := c.send(ctx, address, header)
	if err != nil {
		return Page{}, transportError(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return Page{}, statusError(resp)
	}
	body := &boundedReader{r: resp.Body, left: c.MaxResponse, limit: c.MaxResponse}
	reader := c.readers.Get().(*odata.Reader)
	defer c.readers.Put(reader)
	var emitErr error
	page, err := read(reader, body, func(e odata.Element) error {
		emitErr = emit(e, watch.outside)
		return emitErr
	})
	if err != nil {
		return Page{Page: page}, bodyError(ctx, err, emitErr)
	}
	date, _ := http.ParseTime(resp.Header.Get("Date")) // without it the local clock stands
	return Page{Page: page, ServerTime: date}, nil
}

func (c *Client) send(ctx context.Context, address string, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	maps.Copy(req.Header, header)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.UserAgent)
	return c.HTTP.Do(req)
}

// sameOrigin resolves a nextLink and refuses one that would take the token elsewhere.
func sameOrigin(address, link string) (string, error) {
	base, err := url.Parse(address)
	if err != nil {
		return "", err
	}
	next, err := base.Parse(link)
	if err != nil {
		return "", &Error{Kind: KindForeignLink, Err: errors.New("nextLink is not a URL")}
	}
	if entraauth.Origin(base) != entraauth.Origin(next) || next.User != nil {
		return "", &Error{Kind: KindForeignLink, Err: fmt.Errorf("nextLink points to %s", bounded(entraauth.Origin(next)))}
	}
	return next.String(), nil
}

// tooLargeError says that an answer exceeded the limit.
type tooLargeError struct{ limit int64 }

func (e *tooLargeError) Error() string { return fmt.Sprintf("more than %d bytes", e.limit) }

// boundedReader fails, unlike io.LimitReader, so that a cut answer is never taken for a short one.
type boundedReader struct {
	r           io.Reader
	left, limit int64
}

func (b *boundedReader) Read(p []byte) (int, error) {
	if b.left <= 0 {
		var one [1]byte
		if n, err := b.r.Read(one[:]); n == 0 {
			return 0, err
		}
		return 0, &tooLargeError{b.limit}
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// transportError classifies a request that got no answer.
func transportError(ctx context.Context, err error) error {
	if auth, ok := errors.AsType[*entraauth.Error](err); ok {
		return auth
	}
	// The address in url.Error says nothing that the log line does not, and is long.
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	return lostError(ctx, err)
}

func bodyError(ctx context.Context, err, emitErr error) error {
	var large *tooLargeError
	var notPage *odata.PageError
	switch {
	case emitErr != nil:
		return emitErr
	case context.Cause(ctx) != nil:
		// Whatever the reading ended with: it was ended from here.
	case errors.As(err, &large):
		return &Error{Kind: KindTooLarge, Status: http.StatusOK, Err: large}
	case errors.As(err, &notPage):
		return &Error{Kind: KindNotAPage, Status: http.StatusOK, Err: notPage}
	}
	lost := lostError(ctx, err)
	if broken, ok := errors.AsType[*Error](lost); ok {
		broken.Status = http.StatusOK // it broke off after it began
	}
	return lost
}

// lostError tells the reasons apart for which an exchange was not finished.
func lostError(ctx context.Context, err error) error {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errTimeout):
		return &Error{Kind: KindTimeout, Err: cause}
	case cause != nil:
		return cause
	default:
		return &Error{Kind: KindNetwork, Err: &foreignError{err}}
	}
}

// foreignError is an error whose text may quote what the server sent, of any length.
type foreignError struct{ err error }

func (e *foreignError) Error() string { return bounded(e.err.Error()) }
func (e *foreignError) Unwrap() error { return e.err }
