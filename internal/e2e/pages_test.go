package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// pageAlert is the alert in the pages on destinations.
const pageAlert = `{"id":"da638993910234567890_-1364969609","incidentId":924565,"severity":"High","status":"New","category":"CredentialAccess",` +
	`"title":"Credential dumping tool was blocked","alertCreationTime":"2026-01-15T08:12:00Z","lastUpdateTime":"2026-01-15T08:30:04.123456Z",` +
	`"computerDnsName":"ws-17.contoso.com","aadTenantId":"aaaaaaaa-0000-4000-8000-000000000001","mitreTechniques":["T1003.001"],` +
	`"evidence":[{"entityType":"File","fileName":"mimikatz.exe","filePath":"C:\\Temp"}]}`

// longAgo reads alerts that are as old as those in the pages.
const longAgo = `receivers: {defender: {initial_lookback: 87600h}}`

func (s *stage) show() {
	at := time.Date(2026, 1, 15, 8, 30, 4, 123456000, time.UTC)
	s.cloud.World.Put(s.tenants[0].id, world.Alert{
		ID: "da638993910234567890_-1364969609", Sources: []world.Source{world.EndpointAlerts}, Created: at, Updated: at, Raw: pageAlert,
	})
}

// page is the text of a page on a destination.
func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "destinations", name))
	require.NoError(t, err)
	return string(text)
}

// block is the block of code in a page that contains a text.
func block(t *testing.T, page, language, contains string) string {
	t.Helper()
	for _, found := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(page, -1) {
		if strings.Contains(found[1], contains) {
			return found[1]
		}
	}
	require.Fail(t, "no such block", "%s with %s", language, contains)
	return ""
}

func TestThePageOnSplunkShowsWhatArrives(t *testing.T) {
	t.Parallel()
	s := newSplunkStage(t)
	s.show()
	sp := newSplunk(s)
	c := s.startConfiguration("splunk.yaml", longAgo)
	s.eventually("the event", func() bool { return len(sp.events()) == 1 })
	c.terminate()

	e := sp.events()[0]
	var b strings.Builder
	fmt.Fprintf(&b, "_time       %s\nindex       %s\nsourcetype  %s\nsource      %s\nhost        %s\n_raw        %s\n",
		e.at.AsTime().Round(time.Microsecond).Format(time.RFC3339Nano), e.index, e.sourcetype, e.source, e.host, e.raw)
	for _, name := range slices.Sorted(maps.Keys(e.fields)) {
		fmt.Fprintf(&b, "  %-30s  %v\n", name, e.fields[name])
	}
	assert.Equal(t, b.String(), block(t, page(t, "splunk.md"), "text", "_raw"))
}

func TestThePageOnElasticShowsWhatIsSent(t *testing.T) {
	t.Parallel()
	s := newElasticStage(t)
	s.show()
	e := s.withElastic()
	c := s.startConfiguration("elastic-integrations.yaml", longAgo)
	const stream = "logs-microsoft_defender_endpoint.log-contoso"
	s.eventually("the document", func() bool { return len(e.in(stream)) == 1 })
	c.terminate()

	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	require.NoError(t, encoder.Encode(e.in(stream)[0].source))
	assert.Equal(t, b.String(), block(t, page(t, "elastic.md"), "json", "@timestamp"))
}
