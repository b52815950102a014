package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/elastic/go-elasticsearch/v8/esutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const standInStream = "logs-m365_defender.alert-contoso"

// judge sends items with Elastic's own client and returns how it understood each answer.
func judge(t *testing.T, e *elastic, items ...esutil.BulkIndexerItem) (outcomes []string, stats esutil.BulkIndexerStats, failure error) {
	t.Helper()
	client, err := elasticsearch.NewClient(elasticsearch.Config{
		Addresses: []string{e.url()}, APIKey: elasticKey, RetryBackoff: func(int) time.Duration { return time.Millisecond }, RetryOnStatus: []int{502},
	})
	require.NoError(t, err)
	var mu sync.Mutex
	indexer, err := esutil.NewBulkIndexer(esutil.BulkIndexerConfig{
		Client: client, NumWorkers: 1, FlushInterval: time.Hour,
		OnError: func(_ context.Context, err error) {
			mu.Lock()
			defer mu.Unlock()
			failure = err
		},
	})
	require.NoError(t, err)
	outcomes = make([]string, len(items))
	for i, item := range items {
		item.OnSuccess = func(_ context.Context, _ esutil.BulkIndexerItem, r esutil.BulkIndexerResponseItem) {
			outcomes[i] = fmt.Sprint(r.Status, " ", r.Result)
		}
		item.OnFailure = func(_ context.Context, _ esutil.BulkIndexerItem, r esutil.BulkIndexerResponseItem, err error) {
			if err == nil {
				outcomes[i] = fmt.Sprint(r.Status, " ", r.Error.Type)
			}
		}
		require.NoError(t, indexer.Add(t.Context(), item))
	}
	require.NoError(t, indexer.Close(t.Context()))
	return outcomes, indexer.Stats(), failure
}

func create(id, text string) esutil.BulkIndexerItem {
	return esutil.BulkIndexerItem{Action: "create", Index: standInStream, DocumentID: id, Body: strings.NewReader(text)}
}

func createIn(stream string) esutil.BulkIndexerItem {
	return esutil.BulkIndexerItem{Action: "create", Index: stream, DocumentID: "a", Body: strings.NewReader(standInDocument)}
}

const standInDocument = `{"@timestamp":"2026-11-22T13:50:04.1234567Z","message":"{}"}`

// What the stand-in says must be what Elastic's own client understands: its product check, every item in the order of the
// request, created and refused ones told apart.
func TestTheStandInAnswersAsElasticsearchDoes(t *testing.T) {
	t.Parallel()
	e := newElastic(t)
	overwrite := create("a", standInDocument)
	overwrite.Action = "index"
	e.permitting("logs-m365_defender.*")
	e.refusing(func(_ string, doc document) (int, string) {
		if doc.id == "busy" {
			return http.StatusTooManyRequests, "es_rejected_execution_exception"
		}
		return 0, ""
	})
	outcomes, stats, err := judge(t, e,
		create("a", standInDocument), create("a", standInDocument), create("b", `{"message":"x"}`), create("c", `[1]`), overwrite,
		create("d", `{"@timestamp":"2026-11-22T13:50:04Z","data_stream":{"type":"logs","dataset":"m365_defender.alert","namespace":"Contoso"}}`),
		create("busy", standInDocument), createIn("logs-m365_defender.alert-contoso ltd"), createIn("logs-m365_defender.alert-Contoso"),
		createIn("logs-other.alert-contoso"), createIn("logs-m365_defender.alert-"), create("e", `{"@timestamp":"2026-11-22T13:50:04Z","data_stream":{"type":"logs","dataset":"m365_defender.alert","namespace":"contoso"}}`),
	)
	require.NoError(t, err)
	assert.Equal(t, []string{
		"201 created", "409 version_conflict_engine_exception", "400 document_parsing_exception", "400 document_parsing_exception",
		"400 illegal_argument_exception", "400 document_parsing_exception", "429 es_rejected_execution_exception",
		"400 invalid_index_name_exception", "400 invalid_index_name_exception", "403 security_exception", "400 document_parsing_exception", "201 created",
	}, outcomes)
	assert.EqualValues(t, 12, stats.NumAdded)
	assert.EqualValues(t, 2, stats.NumFlushed)
	assert.EqualValues(t, 10, stats.NumFailed)
	assert.Len(t, e.in(standInStream), 2)
	assert.Empty(t, e.misunderstood())
}

// An answer about the whole request is an error of the whole request, and its type is read.
func TestTheStandInRefusesWholeRequestsAsElasticsearchDoes(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		item   esutil.BulkIndexerItem
		status int
		want   string
	}{
		"too many requests":     {item: create("a", standInDocument), status: http.StatusTooManyRequests, want: "429"},
		"no node":               {item: create("a", standInDocument), status: http.StatusServiceUnavailable, want: "503"},
		"an action without one": {item: esutil.BulkIndexerItem{Action: "create", DocumentID: "a", Body: strings.NewReader(standInDocument)}, want: "illegal_argument_exception"},
		"another action":        {item: esutil.BulkIndexerItem{Action: "update", Index: standInStream, DocumentID: "a", Body: strings.NewReader(`{"doc":{}}`)}, want: "illegal_argument_exception"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newElastic(t)
			if tt.status != 0 {
				e.instead(func(w http.ResponseWriter, r *http.Request) bool {
					w.Header().Set("X-Elastic-Product", "Elasticsearch")
					return refusing(tt.status)(w, r)
				})
			}
			_, stats, err := judge(t, e, tt.item)
			require.ErrorContains(t, err, tt.want)
			assert.EqualValues(t, 1, stats.NumFailed)
			assert.Empty(t, e.streams())
		})
	}
}

// A request that is no NDJSON is refused before anything of it is indexed.
func TestTheStandInIsStrict(t *testing.T) {
	t.Parallel()
	action := `{"create":{"_index":"` + standInStream + `","_id":"a"}}`
	for name, body := range map[string]string{
		"no newline at the end":    action + "\n" + standInDocument,
		"no source":                action + "\n",
		"nothing":                  "",
		"two actions in a line":    `{"create":{"_index":"x"},"index":{"_index":"x"}}` + "\n" + standInDocument + "\n",
		"an unknown parameter":     `{"create":{"_index":"x","_type":"_doc"}}` + "\n" + standInDocument + "\n",
		"a document of many lines": action + "\n{\n\"@timestamp\":\"2026-11-22T13:50:04Z\"}\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newElastic(t)
			request, err := http.NewRequest(http.MethodPost, e.url()+"/_bulk", strings.NewReader(body))
			require.NoError(t, err)
			request.Header.Set("Content-Type", "application/x-ndjson")
			request.Header.Set("Authorization", "ApiKey "+elasticKey)
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			answer, err := client.Do(request)
			require.NoError(t, err)
			require.NoError(t, answer.Body.Close())
			assert.Equal(t, http.StatusBadRequest, answer.StatusCode)
			assert.Len(t, e.misunderstood(), 1)
			assert.Empty(t, e.streams())
		})
	}
}
