package e2e_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim"
)

// azureLimit is the size that Azure Monitor takes of one request, compressed or not.
const azureLimit = 1_000_000

const azureAudience = "https://monitor.azure.com"

// azureMonitor plays Azure Monitor's OTLP endpoint of one data collection rule as its documentation describes it.
type azureMonitor struct {
	*peer
	t      *testing.T
	cloud  *cloudsim.Cloud
	tenant string // in whose directory the rule is
	path   string

	mu       sync.Mutex
	role     bool   // whether the application may publish to the rule
	poison   string // requests with this text are not understood
	rejected string // records with this text are rejected, and the others of their request taken
	refusals []azureRefusal
	refused  map[int]int // by status
	again    map[[sha256.Size]byte]time.Time
	requests int
	largest  int
	records  []record
	early    findings // what came again before the time that it was told to wait
}

// azureRefusal answers one request.
type azureRefusal struct {
	status     int
	retryAfter string // seconds
}

// newAzureMonitor raises the endpoint of a rule in a tenant, with the role granted.
func newAzureMonitor(t *testing.T, cloud *cloudsim.Cloud, tenantID, rule string) *azureMonitor {
	t.Helper()
	a := &azureMonitor{
		t: t, cloud: cloud, tenant: tenantID, path: "/datacollectionRules/" + rule + "/streams/Microsoft-OTLP-Logs/otlp/v1/logs",
		role: true, refused: map[int]int{}, again: map[[sha256.Size]byte]time.Time{},
	}
	a.peer = newPeer(t, a)
	return a
}

// logsURL is what the portal shows.
func (a *azureMonitor) logsURL() string { return a.url() + a.path }

func (a *azureMonitor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender was killed
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.requests++
	a.largest = max(a.largest, len(body))
	status, text := a.judge(r, body)
	if status == http.StatusOK && len(a.refusals) > 0 {
		refusal := a.refusals[0]
		a.refusals = a.refusals[1:]
		status = refusal.status
		if refusal.retryAfter != "" {
			w.Header().Set("Retry-After", refusal.retryAfter)
			wait, err := time.ParseDuration(refusal.retryAfter + "s")
			assert.NoError(a.t, err)
			a.again[sha256.Sum256(text)] = time.Now().Add(wait)
		}
	}
	var request plogotlp.ExportRequest
	if status == http.StatusOK {
		request, status = a.understand(text)
	}
	if status != http.StatusOK {
		a.refused[status]++
		http.Error(w, `{"error":{"code":"Refused","message":"refused"}}`, status)
		return
	}
	if earliest := a.again[sha256.Sum256(text)]; time.Now().Before(earliest) {
		a.early.add("%s", time.Until(earliest))
	}
	response := plogotlp.NewExportResponse()
	for _, r := range recordsOf(a.t, request.Logs()) {
		if a.rejected != "" && strings.Contains(fmt.Sprint(r.Body), a.rejected) {
			response.PartialSuccess().SetRejectedLogRecords(response.PartialSuccess().RejectedLogRecords() + 1)
			response.PartialSuccess().SetErrorMessage("rejected")
			continue
		}
		a.records = append(a.records, r)
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	answer, err := response.MarshalProto()
	assert.NoError(a.t, err)
	_, _ = w.Write(answer) // the sender may have died
}

// judge decides by all but the records, and unpacks them.
func (a *azureMonitor) judge(r *http.Request, body []byte) (int, []byte) {
	claims, err := a.cloud.Entra.Authenticate(r.Header.Get("Authorization"))
	switch {
	case r.URL.Path != a.path || r.URL.RawQuery != "":
		return http.StatusNotFound, nil
	case r.Method != http.MethodPost:
		return http.StatusMethodNotAllowed, nil
	case err != nil || claims.Audience != azureAudience || claims.TenantID != a.tenant:
		return http.StatusUnauthorized, nil
	case !a.role || claims.AppID != cloudsim.ClientID:
		return http.StatusForbidden, nil
	case r.Header.Get("Content-Type") != "application/x-protobuf":
		return http.StatusUnsupportedMediaType, nil
	case len(body) > azureLimit:
		return http.StatusRequestEntityTooLarge, nil
	}
	switch r.Header.Get("Content-Encoding") {
	case "":
	case "gzip":
		if body, err = gunzip(body); err != nil {
			return http.StatusBadRequest, nil
		}
	default:
		return http.StatusUnsupportedMediaType, nil
	}
	if a.largest = max(a.largest, len(body)); len(body) > azureLimit {
		return http.StatusRequestEntityTooLarge, nil
	}
	return http.StatusOK, body
}

func gunzip(body []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(r, 16<<20))
}

// understand parses strictly: what it has read must be all there was.
func (a *azureMonitor) understand(body []byte) (plogotlp.ExportRequest, int) {
	request := plogotlp.NewExportRequest()
	if err := request.UnmarshalProto(body); err != nil {
		return request, http.StatusBadRequest
	}
	again, err := request.MarshalProto()
	if err != nil || !bytes.Equal(again, body) || request.Logs().LogRecordCount() == 0 {
		return request, http.StatusBadRequest
	}
	if a.poison != "" && strings.Contains(string(body), a.poison) {
		return request, http.StatusBadRequest
	}
	return request, http.StatusOK
}

// refuse answers the next requests that are right in all else.
func (a *azureMonitor) refuse(refusals ...azureRefusal) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refusals = append(a.refusals, refusals...)
}

// grant gives the application the role Monitoring Metrics Publisher on the rule, or takes it.
func (a *azureMonitor) grant(role bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.role = role
}

// refusedWith counts the refusals with a status.
func (a *azureMonitor) refusedWith(status int) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.refused[status]
}

func (a *azureMonitor) arrived() []record {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.records)
}

// complete waits until all records have arrived.
func (a *azureMonitor) complete(s *stage, made map[string]record) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("%d records at Azure Monitor", len(made)), func() bool { return lacking(made, a.arrived()) == 0 })
}

// lacking counts those of the records that have not arrived.
func lacking(made map[string]record, arrived []record) int {
	seen := map[string]bool{}
	for _, r := range arrived {
		seen[r.uid()] = true
	}
	n := 0
	for uid := range made {
		if !seen[uid] {
			n++
		}
	}
	return n
}

// trusting makes an exporter trust a peer.
func (a *azureMonitor) trusting(s *stage, exporter string) string {
	s.t.Helper()
	return fmt.Sprintf(`exporters: {%s: {tls: {ca_file: %s}}}`, exporter, a.caFile(s.dir))
}

// unfailing requires that nothing was refused but with these statuses, and that it kept within its limits.
func (a *azureMonitor) unfailing(statuses ...int) {
	a.t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	for status, n := range a.refused {
		assert.True(a.t, slices.Contains(statuses, status), "%d answers of %d", n, status)
	}
	for _, status := range statuses {
		require.NotZero(a.t, a.refused[status], status)
	}
	assert.LessOrEqual(a.t, a.largest, azureLimit)
	a.early.none(a.t, "requests that came again too early")
}
