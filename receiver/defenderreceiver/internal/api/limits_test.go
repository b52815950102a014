package api

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// slow is a body that takes time; a nil text stands still until the request ends.
type slow struct {
	ctx    context.Context //nolint:containedctx // of the one request
	steps  []step
	closed bool
}

type step struct {
	after time.Duration
	text  string
}

const forever = time.Duration(1 << 62)

func (s *slow) Read(p []byte) (int, error) {
	if len(s.steps) == 0 {
		return 0, io.EOF
	}
	timer := time.NewTimer(s.steps[0].after)
	defer timer.Stop()
	select {
	case <-s.ctx.Done():
		return 0, s.ctx.Err()
	case <-timer.C:
	}
	n := copy(p, s.steps[0].text)
	s.steps = s.steps[1:]
	return n, nil
}

func (s *slow) Close() error {
	s.closed = true
	return nil
}

// slowly is a client of a server that answers after a while, and then in steps.
func slowly(limit, header time.Duration, status int, steps ...step) *Client {
	return New(&http.Client{Timeout: time.Nanosecond, Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
		select {
		case <-time.After(header):
		case <-req.Context().Done():
			return nil, req.Context().Err()
		}
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: &slow{ctx: req.Context(), steps: steps}, Request: req}, nil
	})}, &Client{Timeout: limit, MaxResponse: 1 << 20})
}

func TestAStallEndsAtTheTimeout(t *testing.T) {
	for name, c := range map[string]struct {
		header time.Duration
		steps  []step
		status int
	}{
		"before the answer": {forever, nil, 0},
		"in the body":       {time.Second, []step{{0, `{"value":[{"id":"a"},`}, {forever, ""}}, http.StatusOK},
		"drop by drop": {time.Second, []step{
			{9 * time.Second, `{"value"`}, {9 * time.Second, `:[`}, {9 * time.Second, `]`}, {9 * time.Second, `}`},
		}, http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				_, _, err := read(t.Context(), slowly(30*time.Second, c.header, http.StatusOK, c.steps...), "https://api.example")
				e := failure(t, err)
				assert.Equal(t, KindTimeout, e.Kind)
				assert.Equal(t, c.status, e.Status)
				assert.Equal(t, 30*time.Second, time.Since(start))
			})
		})
	}
}

func TestAStallInAnErrorBodyDoesNotHideTheStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		_, _, err := read(t.Context(), slowly(30*time.Second, 0, http.StatusTooManyRequests, step{forever, ""}), "https://api.example")
		assert.Equal(t, KindThrottled, failure(t, err).Kind)
		assert.Equal(t, 30*time.Second, time.Since(start))
	})
}

func TestTimeSpentOutsideDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := slowly(30*time.Second, 10*time.Second, http.StatusOK,
			step{9 * time.Second, `{"value":[1,`}, step{5 * time.Second, `2,`}, step{5 * time.Second, `3]}`})
		start, records := time.Now(), 0
		_, err := c.Read(t.Context(), "https://api.example", nil, func(_ odata.Element, outside func(func() error) error) error {
			records++
			return outside(func() error { time.Sleep(time.Hour); return nil })
		})
		require.NoError(t, err)
		assert.Equal(t, 3, records)
		assert.Equal(t, 3*time.Hour+29*time.Second, time.Since(start))
	})
}

func TestTimeSpentOutsideIsNoGift(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := slowly(30*time.Second, 10*time.Second, http.StatusOK,
			step{10 * time.Second, `{"value":[1,`}, step{forever, ""})
		start := time.Now()
		_, err := c.Read(t.Context(), "https://api.example", nil, func(_ odata.Element, outside func(func() error) error) error {
			return outside(func() error { time.Sleep(time.Minute); return nil })
		})
		assert.Equal(t, KindTimeout, failure(t, err).Kind)
		assert.Equal(t, 30*time.Second+time.Minute, time.Since(start))
	})
}

func TestCancelEndsAReadAtOnce(t *testing.T) {
	why := errors.New("shutting down")
	for name, c := range map[string]struct {
		cancel func(context.Context) (context.Context, func())
		want   error
	}{
		"cancel": {func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithCancel(ctx)
			return ctx, cancel
		}, context.Canceled},
		"cause": {func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithCancelCause(ctx)
			return ctx, func() { cancel(why) }
		}, why},
	} {
		for place, client := range map[string]*Client{
			"before the answer": slowly(time.Hour, forever, http.StatusOK),
			"in the body":       slowly(time.Hour, 0, http.StatusOK, step{0, `{"value":[1,`}, step{forever, ""}),
		} {
			t.Run(name+" "+place, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := c.cancel(t.Context())
					time.AfterFunc(time.Second, cancel)
					start := time.Now()
					_, _, err := read(ctx, client, "https://api.example")
					require.ErrorIs(t, err, c.want)
					assert.Equal(t, time.Second, time.Since(start))
					var e *Error
					assert.NotErrorAs(t, err, &e, "the API is not to blame")
				})
			})
		}
	}
}

func TestCancelReachesTheConnection(t *testing.T) {
	gone := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	c, address := clientOf(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"value":[1,`)
		_ = http.NewResponseController(w).Flush()
		cancel()
		<-r.Context().Done()
		close(gone)
	})
	_, _, err := read(ctx, c, address)
	require.ErrorIs(t, err, context.Canceled)
	select {
	case <-gone:
	case <-time.After(10 * time.Second):
		t.Fatal("the connection stayed open")
	}
}

func TestAnAnswerThatIsTooLarge(t *testing.T) {
	const limit = 64 << 10
	fits := `{"value":["` + strings.Repeat("a", limit-len(`{"value":[""]}`)) + `"]}`
	require.Len(t, fits, limit)
	for name, c := range map[string]struct {
		body string
		want Kind
	}{
		"exactly the limit":    {fits, ""},
		"one byte more":        {fits + " ", KindTooLarge},
		"an endless record":    {`{"value":["` + strings.Repeat("a", 1<<20), KindTooLarge},
		"endless space":        {strings.Repeat(" ", 1<<20), KindTooLarge},
		"endless other things": {`{"@odata.context":"` + strings.Repeat("a", 1<<20), KindTooLarge},
	} {
		for encoding, serve := range map[string]func(string) http.HandlerFunc{
			"plain": func(body string) http.HandlerFunc { return answer(http.StatusOK, body) }, "gzip": zipped,
		} {
			t.Run(name+" "+encoding, func(t *testing.T) {
				client, address := clientOf(t, serve(c.body))
				client.MaxResponse = limit
				_, _, err := read(t.Context(), client, address)
				if c.want == "" {
					require.NoError(t, err)
					return
				}
				e := failure(t, err)
				assert.Equal(t, c.want, e.Kind)
				assert.Equal(t, http.StatusOK, e.Status)
				assert.Contains(t, err.Error(), strconv.Itoa(limit))
			})
		}
	}
}

// zipped compresses: a thousandth of the bytes on the wire.
func zipped(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			w.WriteHeader(http.StatusNotAcceptable)
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, body)
		_ = z.Close()
	}
}
