package e2e_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const elasticKey = "ZTJlOmtleQ=="

// elastic stands in for Elasticsearch's bulk API as far as data streams go, and is as strict. Its answers follow "Bulk API"
// and "Data streams" of Elastic's reference; TestTheStandInAnswersAsElasticsearchDoes holds them to Elastic's own client.
type elastic struct {
	*front

	mu        sync.Mutex
	documents map[string]map[string]document // by data stream and id
	requests  int
	conflicts int
	wrong     []string // what Elasticsearch would not have understood
	// rights are the patterns of the data streams in which the key may create documents, nil for any.
	rights []string
	// refuse answers an item in place of the index: a status and the type of an error, 0 for none.
	refuse func(stream string, doc document) (int, string)
}

// document is one of the index, and its text.
type document struct {
	id     string
	source map[string]any
	text   string
}

// newElastic raises one and tells the stage's collectors where it is.
func newElastic(t *testing.T) *elastic {
	t.Helper()
	e := &elastic{documents: map[string]map[string]document{}}
	e.front = newFront(t, e)
	return e
}

func (s *stage) withElastic() *elastic {
	s.t.Helper()
	e := newElastic(s.t)
	s.env = append(s.env, "ELASTICSEARCH_URL="+e.url(), "ELASTICSEARCH_API_KEY="+elasticKey)
	s.t.Cleanup(func() { require.Empty(s.t, e.misunderstood()) })
	return e
}

func (e *elastic) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	w.Header().Set("Content-Type", "application/json")
	status, answer := e.answer(r)
	text, err := json.Marshal(answer)
	if err != nil {
		panic(err) // it is made here
	}
	w.WriteHeader(status)
	_, _ = w.Write(text) // the sender may have been killed
}

// failure is an error as the whole of an answer.
func failure(status int, kind, reason string) (int, map[string]any) {
	cause := map[string]any{"type": kind, "reason": reason}
	return status, map[string]any{"status": status, "error": map[string]any{"type": kind, "reason": reason, "root_cause": []any{cause}}}
}

func (e *elastic) answer(r *http.Request) (int, map[string]any) {
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch {
	case !strings.EqualFold(scheme, "ApiKey") || key != elasticKey:
		return failure(http.StatusUnauthorized, "security_exception", "unable to authenticate with provided credentials")
	case r.URL.Path != "/_bulk":
		return e.misunderstand(http.StatusNotFound, "no handler found for uri ["+r.URL.Path+"]")
	case r.Method != http.MethodPost && r.Method != http.MethodPut:
		return e.misunderstand(http.StatusMethodNotAllowed, "incorrect HTTP method")
	case !ndjsonType.MatchString(r.Header.Get("Content-Type")):
		return e.misunderstand(http.StatusNotAcceptable, "Content-Type header ["+r.Header.Get("Content-Type")+"] is not supported")
	}
	body, err := plainBody(r)
	if err != nil {
		return failure(http.StatusBadRequest, "parse_exception", err.Error())
	}
	operations, err := parseBulk(body)
	if err != nil {
		return e.misunderstand(http.StatusBadRequest, err.Error())
	}
	return http.StatusOK, filtered(r.URL.Query().Get("filter_path"), e.index(operations))
}

var ndjsonType = regexp.MustCompile(`^application/(x-ndjson|json|vnd\.elasticsearch\+(x-ndjson|json);\s*compatible-with=[789])(;|$)`)

func plainBody(r *http.Request) ([]byte, error) {
	reader := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, err
		}
		reader = unzipped
	}
	return io.ReadAll(reader)
}

func (e *elastic) misunderstand(status int, reason string) (int, map[string]any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.wrong = append(e.wrong, reason)
	return failure(status, "illegal_argument_exception", reason)
}

func (e *elastic) misunderstood() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.wrong)
}

// operation is one action of a bulk request, with its document.
type operation struct {
	action, stream string
	doc            document
	bad            string // why the document is none
}

// actionParameters are those of an action line. Another one fails the whole request.
var actionParameters = []string{
	"_index", "_id", "routing", "pipeline", "require_alias", "require_data_stream", "dynamic_templates", "list_executed_pipelines", "if_seq_no", "if_primary_term", "version", "version_type",
}

func parseBulk(body []byte) (operations []operation, err error) {
	if len(body) == 0 {
		return nil, errors.New("request body is required")
	}
	if !bytes.HasSuffix(body, []byte("\n")) {
		return nil, errors.New("The bulk request must be terminated by a newline [\\n]")
	}
	lines := bufio.NewScanner(bytes.NewReader(body))
	lines.Buffer(nil, len(body)+1)
	for n := 1; lines.Scan(); n++ {
		o, err := parseAction(n, lines.Bytes())
		if err != nil {
			return nil, err
		}
		if !lines.Scan() {
			return nil, fmt.Errorf("action line [%d] has no source", n)
		}
		n++
		o.doc.text = lines.Text()
		if err := json.Unmarshal(lines.Bytes(), &o.doc.source); err != nil || o.doc.source == nil {
			o.bad = "failed to parse"
		}
		operations = append(operations, o)
	}
	return operations, lines.Err()
}

func parseAction(n int, line []byte) (o operation, err error) {
	var action map[string]map[string]any
	if err := json.Unmarshal(line, &action); err != nil || len(action) != 1 {
		return o, fmt.Errorf("Malformed action/metadata line [%d], expected one action: %.200s", n, line)
	}
	for name, parameters := range action {
		if name != "create" && name != "index" {
			return o, fmt.Errorf("action line [%d]: the exporter has no business with %q", n, name)
		}
		for parameter := range parameters {
			if !slices.Contains(actionParameters, parameter) {
				return o, fmt.Errorf("Action/metadata line [%d] contains an unknown parameter [%s]", n, parameter)
			}
		}
		o.action = name
		o.stream, _ = parameters["_index"].(string)
		o.doc.id, _ = parameters["_id"].(string)
	}
	if o.stream == "" || len(o.doc.id) > 512 {
		return o, fmt.Errorf("action line [%d] has no index, or an id of more than 512 bytes", n)
	}
	return o, nil
}

// index does what the operations say, each by itself.
func (e *elastic) index(operations []operation) map[string]any {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.requests++
	items, failed := []any{}, false
	for _, o := range operations {
		status, kind, reason := e.perform(&o)
		item := map[string]any{"_index": ".ds-" + o.stream + "-2026.11.22-000001", "_id": o.doc.id, "status": status}
		if kind == "" {
			item["_version"], item["result"], item["_seq_no"], item["_primary_term"] = 1, "created", len(e.documents[o.stream])-1, 1
			item["_shards"] = map[string]any{"total": 2, "successful": 1, "failed": 0}
		} else {
			failed = true
			item["error"] = map[string]any{"type": kind, "reason": reason}
		}
		items = append(items, map[string]any{o.action: item})
	}
	return map[string]any{"took": 3, "errors": failed, "items": items}
}

func (e *elastic) perform(o *operation) (status int, kind, reason string) {
	if e.refuse != nil {
		if status, kind := e.refuse(o.stream, o.doc); status != 0 {
			return status, kind, "as the test wants"
		}
	}
	if e.rights != nil && !slices.ContainsFunc(e.rights, o.matches) {
		return http.StatusForbidden, "security_exception", "action [indices:admin/auto_create] is unauthorized for API key on indices [" + o.stream + "]"
	}
	if strings.ContainsAny(o.stream, `\/*?"<>| ,#:`) || strings.ToLower(o.stream) != o.stream || len(o.stream) > 255 {
		return http.StatusBadRequest, "invalid_index_name_exception", "Invalid index name [" + o.stream + "]"
	}
	if o.action != "create" {
		return http.StatusBadRequest, "illegal_argument_exception", "only write ops with an op_type of create are allowed in data streams"
	}
	if reason := unmappable(o); reason != "" {
		return http.StatusBadRequest, "document_parsing_exception", reason
	}
	if o.doc.id == "" {
		o.doc.id = fmt.Sprintf("generated-%d", len(e.documents[o.stream]))
	}
	if _, there := e.documents[o.stream][o.doc.id]; there {
		e.conflicts++
		return http.StatusConflict, "version_conflict_engine_exception",
			"[" + o.doc.id + "]: version conflict, document already exists (current version [1])"
	}
	if e.documents[o.stream] == nil {
		e.documents[o.stream] = map[string]document{}
	}
	e.documents[o.stream][o.doc.id] = o.doc
	return http.StatusCreated, "", ""
}

// matches says whether the stream is one of a pattern, which has asterisks.
func (o *operation) matches(pattern string) bool {
	matched, err := path.Match(pattern, o.stream)
	return err == nil && matched
}

// epochMillis is the other format of a date, with the digits that date_nanos takes.
var epochMillis = regexp.MustCompile(`^\d{13}(\.\d{1,6})?$`)

// unmappable says why a document does not fit its data stream, whose name has three parts that its constant fields repeat.
func unmappable(o *operation) string {
	if o.bad != "" {
		return o.bad
	}
	at, _ := o.doc.source["@timestamp"].(string)
	if _, err := time.Parse(time.RFC3339Nano, at); err != nil && !epochMillis.MatchString(at) {
		return "data stream timestamp field [@timestamp] is missing or no date: " + at
	}
	parts := strings.SplitN(o.stream, "-", 3) // a namespace may have more of them
	of, named := o.doc.source["data_stream"].(map[string]any)
	if len(parts) != 3 || parts[2] == "" {
		return "no such data stream: " + o.stream
	}
	if named && !maps.Equal(of, map[string]any{"type": parts[0], "dataset": parts[1], "namespace": parts[2]}) {
		return fmt.Sprintf("[constant_keyword] field [data_stream] is %v in %s", of, o.stream)
	}
	return ""
}

// filtered leaves what filter_path names. Of its grammar only what the clients at hand use is understood.
func filtered(filterPath string, answer map[string]any) map[string]any {
	if filterPath == "" {
		return answer
	}
	kept := []any{}
	for _, item := range answer["items"].([]any) {
		for action, of := range item.(map[string]any) {
			of := of.(map[string]any)
			left := map[string]any{}
			for key := range strings.SplitSeq(filterPath, ",") {
				name, inner, nested := strings.Cut(strings.TrimPrefix(key, "items.*."), ".")
				value, there := of[name]
				if !there {
					continue
				}
				if !nested {
					left[name] = value
					continue
				}
				within, _ := left[name].(map[string]any)
				if within == nil {
					within = map[string]any{}
				}
				within[inner] = value.(map[string]any)[inner]
				left[name] = within
			}
			kept = append(kept, map[string]any{action: left})
		}
	}
	return map[string]any{"items": kept}
}

// refusing makes items fail that a test picks, nil for none.
func (e *elastic) refusing(refuse func(stream string, doc document) (int, string)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.refuse = refuse
}

// permitting makes the key one that may create documents in some data streams alone.
func (e *elastic) permitting(patterns ...string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rights = patterns
}

// in lists the documents of a data stream.
func (e *elastic) in(stream string) []document {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Collect(maps.Values(e.documents[stream]))
}

// streams lists the data streams that there are.
func (e *elastic) streams() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Sorted(maps.Keys(e.documents))
}

// counts are the bulk requests that were understood and the conflicts in them.
func (e *elastic) counts() (requests, conflicts int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.requests, e.conflicts
}
