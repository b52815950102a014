package e2e_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim"
)

// trackKey is the instrumentation key of the resource.
const trackKey = "00000000-0000-4000-8000-0123456789ab"

// The limits of Application Insights, in characters and, of an item, bytes.
const (
	trackMessage  = 32_768
	trackProperty = 8_192
	trackName     = 150
	trackItem     = 64 << 10
)

// envelope is an item as it is sent to Application Insights.
type envelope struct {
	Ver        int               `json:"ver"`
	Name       string            `json:"name"`
	Time       time.Time         `json:"time"`
	SampleRate float64           `json:"sampleRate"`
	Seq        string            `json:"seq"`
	IKey       string            `json:"iKey"`
	Tags       map[string]string `json:"tags"`
	Data       struct {
		BaseType string `json:"baseType"`
		BaseData struct {
			Ver           int                `json:"ver"`
			Message       string             `json:"message"`
			SeverityLevel int                `json:"severityLevel"`
			Properties    map[string]string  `json:"properties"`
			Measurements  map[string]float64 `json:"measurements"`
		} `json:"baseData"`
	} `json:"data"`
}

// track plays the endpoint of Application Insights, strictly.
type track struct {
	*peer
	t      *testing.T
	cloud  *cloudsim.Cloud
	tenant string

	mu       sync.Mutex
	refuse   map[string]int // the status of the next item that has this text
	taken    []envelope
	requests int
	bad      findings
}

func newTrack(t *testing.T, cloud *cloudsim.Cloud, tenantID string) *track {
	t.Helper()
	k := &track{t: t, cloud: cloud, tenant: tenantID, refuse: map[string]int{}}
	k.peer = newPeer(t, k)
	return k
}

func (k *track) connectionString() string {
	return "InstrumentationKey=" + trackKey + ";IngestionEndpoint=" + k.url() + "/"
}

func (k *track) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender was killed
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.requests++
	claims, err := k.cloud.Entra.Authenticate(r.Header.Get("Authorization"))
	if err != nil || claims.Audience != azureAudience || claims.TenantID != k.tenant {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if r.Method != http.MethodPost || r.URL.String() != "/v2.1/track" || r.Header.Get("Content-Type") != "application/x-json-stream" ||
		r.Header.Get("Content-Encoding") != "gzip" {
		k.bad.add("%s %s %v", r.Method, r.URL, r.Header)
	}
	text, err := gunzip(body)
	if err != nil {
		k.bad.add("%v", err)
	}
	k.answer(w, bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n")))
}

// answer takes each item by itself, as Application Insights does.
func (k *track) answer(w http.ResponseWriter, items [][]byte) {
	type itemError struct {
		Index      int    `json:"index"`
		StatusCode int    `json:"statusCode"`
		Message    string `json:"message"`
	}
	errs := []itemError{}
	for i, item := range items {
		status := k.take(item)
		if status != http.StatusOK {
			errs = append(errs, itemError{i, status, "refused"})
		}
	}
	w.Header().Set("Content-Type", "application/json")
	if len(errs) > 0 {
		w.WriteHeader(http.StatusPartialContent)
	}
	assert.NoError(k.t, json.NewEncoder(w).Encode(map[string]any{
		"itemsReceived": len(items), "itemsAccepted": len(items) - len(errs), "errors": errs,
	}))
}

func (k *track) take(item []byte) int {
	for text, status := range k.refuse {
		if bytes.Contains(item, []byte(text)) {
			delete(k.refuse, text)
			return status
		}
	}
	var e envelope
	decoder := json.NewDecoder(bytes.NewReader(item))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&e); err != nil {
		k.bad.add("%v: %.200s", err, item)
		return http.StatusBadRequest
	}
	d := e.Data.BaseData
	if e.IKey != trackKey || e.Data.BaseType != "MessageData" || !strings.HasPrefix(e.Name, "Microsoft.ApplicationInsights.") ||
		d.Ver != 2 || len(d.Message) > trackMessage || len(item) > trackItem {
		k.bad.add("%+v", e)
		return http.StatusBadRequest
	}
	for name, value := range d.Properties {
		if len(name) > trackName || len(value) > trackProperty {
			k.bad.add("%s: %s", name, value)
		}
	}
	k.taken = append(k.taken, e)
	return http.StatusOK
}

// refuseItem answers the next item that has a text with a status of its own.
func (k *track) refuseItem(text string, status int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.refuse[text] = status
}

// items are those that were taken, by the uid of their record.
func (k *track) items() map[string][]envelope {
	k.mu.Lock()
	defer k.mu.Unlock()
	items := map[string][]envelope{}
	for _, e := range k.taken {
		uid := e.Data.BaseData.Properties["log.record.uid"]
		items[uid] = append(items[uid], e)
	}
	return items
}

func (k *track) strict() {
	k.t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.bad.none(k.t, "requests that Application Insights would not take")
}
