package e2e_test

import (
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
)

// otlpBackend takes OTLP over HTTP as exporters send it by default, and keeps every record whole.
type otlpBackend struct {
	*peer
	t *testing.T

	mu      sync.Mutex
	status  int    // of refusals; 0 accepts
	token   string // whoever sends another one is refused; empty takes all
	refused int
	records []record
}

func newOTLPBackend(t *testing.T) *otlpBackend {
	t.Helper()
	b := &otlpBackend{t: t}
	b.peer = newPeer(t, b)
	return b
}

func (b *otlpBackend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		_, _ = w.Write([]byte("<html>Sign in</html>")) // where its redirects lead
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender was killed
	}
	text, err := gunzip(body)
	request := plogotlp.NewExportRequest()
	if !assert.NoError(b.t, err) || !assert.NoError(b.t, request.UnmarshalProto(text)) {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if status := b.judge(r); status != 0 {
		b.refused++
		w.Header().Set("Location", "/sign-in")
		w.WriteHeader(status)
		_, _ = w.Write([]byte("not with " + r.Header.Get("Authorization"))) // the sender may have died
		return
	}
	b.records = append(b.records, recordsOf(b.t, request.Logs())...)
	answer, err := plogotlp.NewExportResponse().MarshalProto()
	assert.NoError(b.t, err)
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(answer) // the sender may have died
}

// judge is the status of a refusal, 0 without one.
func (b *otlpBackend) judge(r *http.Request) int {
	if b.status == 0 && b.token != "" && b.token != r.Header.Get("Authorization") {
		return http.StatusUnauthorized
	}
	return b.status
}

// require refuses who does not send that in the header Authorization.
func (b *otlpBackend) require(token string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.token = token
}

// refuse answers that status from now on, and repeats the token that it got; 0 accepts again.
func (b *otlpBackend) refuse(status int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status, b.refused = status, 0
}

// refusals counts the refusals since the last change.
func (b *otlpBackend) refusals() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.refused
}

func (b *otlpBackend) arrived() []record {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.records)
}
