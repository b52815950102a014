package retryonstatusextension

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAnErrorShowsHowTheAnswerBegins(t *testing.T) {
	for name, tt := range map[string]struct{ answer, want string }{
		"nothing":           {"", ""},
		"text":              {"Token disabled", "Token disabled"},
		"JSON":              {`{"text":"Token disabled","code":1}`, `{"text":"Token disabled","code":1}`},
		"lines":             {"<html>\r\n\t<b>403</b>\n\n\x1b[31mred\x00</html>", "<html> <b>403</b> [31mred </html>"},
		"a Status of OTLP":  {"\x08\x10\x12\x0fthe token ended", "the token ended"},
		"no UTF-8":          {"a\xff\xfeb\u2028c", "a b c"},
		"other scripts":     {"Zugriff verweigert: ключ", "Zugriff verweigert: ключ"},
		"too long":          {strings.Repeat("é", 300), strings.Repeat("é", 200) + "…"},
		"token":             {"no such token: a-secret-token", "no such token: [REDACTED]"},
		"header":            {`"Bearer a-secret-token" is not valid`, `"[REDACTED]" is not valid`},
		"query":             {"/v1/logs?key=a-secret-in-the-query is not there", "/v1/logs?key=[REDACTED] is not there"},
		"the content's own": {"application/x-protobuf is not taken", "application/x-protobuf is not taken"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "", answering(http.StatusForbidden, tt.answer))
			_, err := w.post()
			var r *refusal
			require.ErrorAs(t, err, &r)
			assert.Equal(t, tt.want, r.excerpt)
			assert.Equal(t, tt.want != "", strings.Contains(r.Error(), " ("+tt.want+"): "))
		})
	}
}

func TestAnAnswerThatIsEncodedIsNotShown(t *testing.T) {
	w := newWorld(t, "", answering(http.StatusForbidden, "something", "Content-Encoding", "br"))
	_, err := w.post()
	require.ErrorContains(t, err, "answered 403 Forbidden: ")
}

// An answer is read to its end where that is near, so that the next attempt needs no new connection.
func TestTheConnectionIsUsedAgain(t *testing.T) {
	for size, reused := range map[int]bool{10: true, maxDrain: true, 4 << 20: false} {
		w := newWorld(t, "", answering(http.StatusForbidden, strings.Repeat("x", size)))
		var got atomic.Bool
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
			GotConn: func(info httptrace.GotConnInfo) { got.Store(info.Reused) },
		})
		for range 2 {
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, strings.NewReader("records"))
			require.NoError(t, err)
			_, err = w.client.Do(req)
			require.ErrorContains(t, err, "403")
		}
		assert.Equal(t, reused, got.Load(), size)
	}
}

// endless is the body of an answer that stalls, or goes on for ever.
type endless struct {
	io.Reader
	closed chan struct{}
}

func (e *endless) Read(p []byte) (int, error) {
	if e.Reader != nil {
		return e.Reader.Read(p)
	}
	<-e.closed
	return 0, io.ErrClosedPipe
}

func (e *endless) Close() error {
	select {
	case <-e.closed:
	default:
		close(e.closed)
	}
	return nil
}

func TestAnAnswerThatStallsIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun, body := time.Now(), &endless{closed: make(chan struct{})}
		assert.Empty(t, drain(body))
		assert.Equal(t, maxWait, time.Since(begun))
		<-body.closed
	})
}

// zeros never ends.
type zeros struct{ read int }

func (z *zeros) Read(p []byte) (int, error) {
	clear(p)
	z.read += len(p)
	return len(p), nil
}

func TestAnAnswerThatNeverEndsIsLeft(t *testing.T) {
	source := &zeros{}
	body := &endless{Reader: source, closed: make(chan struct{})}
	assert.Len(t, drain(body), maxText)
	assert.LessOrEqual(t, source.read, 2*(maxText+maxDrain))
	<-body.closed
}

func FuzzExcerpt(f *testing.F) {
	f.Add([]byte("no such token: a-secret-token"), "a-secret-token")
	f.Add([]byte("\x08\x10\x12\x0fthe token ended\xff\xfe"), "Bearer x")
	f.Add(bytes.Repeat([]byte("é\x00"), 400), "12345678")
	f.Fuzz(func(t *testing.T, text []byte, header string) {
		req := &http.Request{URL: &url.URL{Scheme: "https", Host: "backend.example"}, Header: http.Header{"Authorization": {header}}}
		got := excerpt(text, req)
		if n := utf8.RuneCountInString(got); n > maxExcerpt+1 {
			t.Errorf("%d characters", n)
		}
		for _, r := range got {
			if !unicode.IsPrint(r) {
				t.Errorf("%q in %q", r, got)
			}
		}
		if strings.ContainsAny(header, "[]") || strings.Contains(header, "REDACTED") {
			return // parts of it are not to be told from the mark
		}
		for _, secret := range secrets(req) {
			for part := range strings.SplitSeq(got, "[REDACTED]") {
				if strings.Contains(part, secret) {
					t.Errorf("%q in %q", secret, got)
				}
			}
		}
	})
}
