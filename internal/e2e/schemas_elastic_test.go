package e2e_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// bulk is an Elasticsearch that takes documents.
type bulk struct {
	t  *testing.T
	mu sync.Mutex
	// documents by their ids.
	documents map[string]object
}

func (b *bulk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	w.Header().Set("Content-Type", "application/json")
	if !strings.HasSuffix(r.URL.Path, "_bulk") {
		_, _ = w.Write([]byte(`{"version":{"number":"9.4.0"}}`)) // the collector may have been stopped
		return
	}
	var items []string
	lines := bufio.NewScanner(r.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var action struct {
			Create struct {
				ID string `json:"_id"`
			} `json:"create"`
		}
		var document object
		if !assert.NoError(b.t, json.Unmarshal(lines.Bytes(), &action)) || !assert.True(b.t, lines.Scan()) ||
			!assert.NoError(b.t, json.Unmarshal(lines.Bytes(), &document)) {
			return
		}
		b.take(action.Create.ID, document)
		items = append(items, `{"create":{"status":201}}`)
	}
	_, _ = fmt.Fprintf(w, `{"errors":false,"items":[%s]}`, strings.Join(items, ",")) // likewise
}

func (b *bulk) take(id string, document object) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.documents[id] = document
}

func (b *bulk) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.documents)
}

// The mapping alone makes Elasticsearch's exporter write the body as the document, under an id that a repeat has too.
func TestElasticsearchGetsTheDocumentsOfECS(t *testing.T) {
	t.Parallel()
	s := newStage(t, 1)
	sink := &bulk{t: t, documents: map[string]object{}}
	server := httptest.NewServer(sink)
	t.Cleanup(server.Close)
	s.generate(10, 20*time.Hour)
	m := mapping{name: "ecs"}
	over := append(m.overlay(t), fmt.Sprintf(`
exporters: {elasticsearch: {endpoint: "%s", compression: none, logs_dynamic_id: {enabled: true}, sending_queue: {enabled: false}}}
service: {pipelines: {logs: {exporters: [elasticsearch]}}}`, server.URL))
	c := s.start(over...)
	s.eventually("the documents", func() bool { return sink.count() == len(s.visible(s.tenants...)) })
	c.terminate()
	for id, document := range sink.documents {
		assert.Equal(t, id, at(document, "event", "id"))
		assert.Equal(t, "9.4.0", at(document, "ecs", "version"))
		assert.NotContains(t, document, "attributes")
	}
}
