package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/api"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// wantedEvent is what Splunk must have of an alert, but for the uids, which only this program makes.
type wantedEvent struct {
	index, sourcetype, source, host, raw string
	at                                   time.Time
	fields                               map[string]any
}

// wantedInSplunk is what must be in Splunk of all that the tenants show now.
func (s *stage) wantedInSplunk() (wanted []wantedEvent) {
	for _, tn := range s.tenants {
		for _, source := range s.sources {
			for _, v := range s.cloud.World.Find(tn.id, world.Query{Source: source}) {
				wanted = append(wanted, eventsOf(tn, v)...)
			}
		}
	}
	return wanted
}

func eventsOf(tn tenant, v *world.Version) (events []wantedEvent) {
	if v.Source == world.EndpointAlerts {
		return append(events, newWantedEvent(tn, v, "ms:defender:atp:alerts", v.JSON(), v.ID))
	}
	var incident struct{ Alerts []json.RawMessage }
	if json.Unmarshal(v.JSON(), &incident) != nil || len(incident.Alerts) == 0 {
		return append(events, newWantedEvent(tn, v, "ms365:defender:incident", v.JSON(), ""))
	}
	for _, alert := range incident.Alerts {
		var id struct{ AlertID string }
		_ = json.Unmarshal(alert, &id) // the world's own
		events = append(events, newWantedEvent(tn, v, "ms365:defender:incident:alerts", alert, id.AlertID))
	}
	return events
}

func newWantedEvent(tn tenant, v *world.Version, sourcetype string, raw []byte, alertID string) wantedEvent {
	var said struct {
		IncidentID      json.Number
		LastUpdateTime  time.Time
		LastUpdatedTime time.Time // of an alert within an incident
		Severity        string
		ComputerDNSName string                           `json:"computerDnsName"`
		Devices         []struct{ DeviceDNSName string } `json:"devices"`
	}
	if err := json.Unmarshal(raw, &said); err != nil {
		panic(err) // the world's own
	}
	e := wantedEvent{
		index: "defender_" + tn.name, sourcetype: sourcetype, source: strings.ReplaceAll(strings.Replace(sourcetype, "ms:", "ms_", 1), ":", "_"),
		host: said.ComputerDNSName, raw: string(raw), at: said.LastUpdateTime,
		fields: map[string]any{
			"azure.tenant.id": tn.id, "azure.tenant.name": tn.name, "cloud.provider": "azure", "service.name": "microsoft-defender",
			"microsoft.defender.source": string(v.Source), "microsoft.defender.change": "created",
			"microsoft.defender.incident.id": said.IncidentID.String(), "otel.log.severity.text": said.Severity,
			"otel.log.severity.number": map[string]any{"Informational": 9., "Low": 11., "Medium": 13., "High": 17.}[said.Severity],
			"otel.log.name":            "microsoft.defender.incident",
		},
	}
	if alertID != "" {
		e.fields["microsoft.defender.alert.id"] = alertID
		e.fields["otel.log.name"] = "microsoft.defender.alert"
	}
	if len(said.Devices) > 0 {
		e.host = said.Devices[0].DeviceDNSName
	}
	if e.host == "" {
		e.host = tn.name
	}
	if said.LastUpdateTime.IsZero() {
		e.at = said.LastUpdatedTime
	}
	return e
}

// arrivedInSplunk waits until all that the tenants show is in Splunk.
func (s *stage) arrivedInSplunk(sp *splunk) []splunkEvent {
	s.t.Helper()
	wanted := map[string]bool{}
	for _, e := range s.wantedInSplunk() {
		wanted[e.index+e.sourcetype+e.raw] = true
	}
	missing := maps.Clone(wanted)
	s.eventually(fmt.Sprintf("%d events in Splunk", len(wanted)), func() bool {
		for _, e := range sp.events() {
			delete(missing, e.index+e.sourcetype+e.raw)
		}
		return len(missing) == 0
	})
	return sp.events()
}

// repeatsInSplunk counts what came again, and requires that it had the uid of before and nobody else's.
func repeatsInSplunk(t *testing.T, events []splunkEvent) (repeats int) {
	t.Helper()
	texts := map[string]string{}
	for _, e := range events {
		uid := e.field("log.record.uid")
		require.Len(t, uid, 32)
		before, known := texts[uid]
		if known {
			repeats++
			require.Equal(t, before, e.index+e.raw, "two events with one uid")
		}
		texts[uid] = e.index + e.raw
	}
	require.Len(t, slices.Compact(slices.Sorted(maps.Values(texts))), len(texts), "one event with two uids")
	return repeats
}

// newSplunkStage has the sources of splunk.yaml.
func newSplunkStage(t *testing.T) *stage {
	t.Helper()
	return newDestinationStage(t, world.EndpointAlerts, world.XDRIncidents)
}

// Each field of each event is what Splunk's own content for its sourcetype reads.
func TestEventsInSplunkAreWhatItsContentReads(t *testing.T) {
	t.Parallel()
	s := newSplunkStage(t)
	s.generate(40, 20*time.Hour)
	begun := time.Now().Add(-2 * time.Hour)
	for _, incident := range []int64{7_000_001, 7_000_002} { // the first is merged into the second, and has no alerts then
		s.cloud.World.Put(s.tenants[0].id, world.Alert{Updated: begun, Created: begun, Incident: incident})
	}
	s.cloud.World.Merge(s.tenants[0].id, 7_000_001, 7_000_002)
	s.cloud.World.Put(s.tenants[1].id, world.Alert{Updated: begun, Created: begun, Members: map[string]any{"computerDnsName": nil}})
	sp := newSplunk(s)
	c := s.startConfiguration("splunk.yaml")
	events := s.arrivedInSplunk(sp)
	c.terminate()

	require.Zero(t, repeatsInSplunk(t, events))
	byText := map[string]splunkEvent{}
	for _, e := range events {
		byText[e.index+e.sourcetype+e.raw] = e
	}
	wanted, sourcetypes := s.wantedInSplunk(), map[string]int{}
	assert.Len(t, events, len(wanted))
	for _, want := range wanted {
		got, found := byText[want.index+want.sourcetype+want.raw]
		require.True(t, found, want.raw)
		sourcetypes[got.sourcetype]++
		assert.Equal(t, want.source, got.source)
		assert.Equal(t, want.host, got.host)
		assert.WithinDuration(t, want.at, got.at.AsTime(), time.Microsecond, "Splunk's times are of microseconds")
		fields := maps.Clone(got.fields)
		delete(fields, "log.record.uid")
		if parent := got.field("microsoft.defender.parent.uid"); want.sourcetype == "ms365:defender:incident:alerts" {
			assert.Len(t, parent, 32)
			delete(fields, "microsoft.defender.parent.uid")
		}
		assert.Equal(t, want.fields, fields)
	}
	for _, sourcetype := range []string{"ms:defender:atp:alerts", "ms365:defender:incident:alerts", "ms365:defender:incident"} {
		assert.Positive(t, sourcetypes[sourcetype], sourcetype)
	}
	s.withinQuotas()
	assert.Empty(t, c.logged("", line{"level": "error"}))
}

func TestAnIndexThatIsANumberIsTheIndex(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"splunk.yaml", "splunk-incidents.yaml"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			s := newSplunkStage(t)
			s.generate(5, time.Hour)
			sp := newSplunk(s)
			c := s.startWith(append(s.inSplunkOf(shippedConfigs, file), "--config", "yaml:"+s.numbered("com.splunk.index")))
			s.eventually("events of both tenants", func() bool {
				indexes := map[string]string{}
				for _, e := range sp.events() {
					indexes[e.field("azure.tenant.name")] = e.index
				}
				return maps.Equal(indexes, map[string]string{"contoso": "17", "fabrikam": ""})
			})
			c.terminate()
		})
	}
}

var shippedConfigs = filepath.Join("..", "..", "testdata", "configs")

// inSplunkOf are the arguments that run files of a folder, one laid over the other, moved to this place.
func (s *stage) inSplunkOf(dir string, files ...string) (args []string) {
	sources := map[string]string{
		"splunk.yaml":           `defender: {sources: {endpoint_alerts: {endpoint: "${env:E2E_CLOUD}/defender"}, xdr_incidents: {endpoint: "${env:E2E_CLOUD}/xdr"}}}`,
		"splunk-incidents.yaml": `defender/incidents: {poll_interval: 2s, tls: {ca_file: "${env:E2E_DIR}/ca.pem"}, sources: {xdr_incidents: {endpoint: "${env:E2E_CLOUD}/xdr"}}}`,
	}
	here := place
	if !slices.Contains(files, "splunk.yaml") {
		here = strings.Replace(place, "  defender:", "  defender/incidents:", 1)
	}
	for _, file := range files {
		args = append(args, "--config", filepath.Join(dir, file))
	}
	args = append(args, "--config", "yaml:"+here)
	for _, file := range files {
		args = append(args, "--config", "yaml:receivers: {"+sources[file]+"}")
	}
	return args
}

// Both configurations run in one collector, as the page says: alerts by themselves, and beside them the incidents without.
// A customer that was added to splunk.yaml alone has both.
func TestIncidentsArriveInSplunkBesideTheirAlerts(t *testing.T) {
	t.Parallel()
	s := newSplunkStage(t)
	added := tenant{id: newTenant(2).id, name: "tailspin"}
	s.tenants = append(s.tenants, added)
	s.cloud.AddTenant(added.id, added.name)
	s.generate(20, 20*time.Hour)
	sp := newSplunk(s)
	command := regexp.MustCompile("`otelcol-defender --config (\\S+) --config (\\S+)`").FindStringSubmatch(page(t, "splunk.md"))
	require.Len(t, command, 3)
	for _, file := range command[1:] {
		text, err := os.ReadFile(filepath.Join(shippedConfigs, file))
		require.NoError(t, err)
		if file == "splunk.yaml" {
			row := fmt.Sprintf("\n      - {id: %s, name: %[2]s, attributes: {com.splunk.index: defender_%[2]s}}\n", added.id, added.name)
			text = []byte(strings.Replace(string(text), "    tenants:\n", "    tenants:"+row, 1))
		}
		s.write(file, string(text))
	}
	c := s.startWith(s.inSplunkOf(s.dir, command[1:]...))
	s.arrivedInSplunk(sp)
	missing := map[string]int{}
	for _, tn := range s.tenants {
		for _, v := range s.cloud.World.Find(tn.id, world.Query{Source: world.XDRIncidents}) {
			var incident map[string]any
			require.NoError(t, json.Unmarshal(v.JSON(), &incident))
			delete(incident, "alerts")
			text, err := json.Marshal(incident)
			require.NoError(t, err)
			missing["defender_"+tn.name+string(text)]++
		}
	}
	require.NotEmpty(t, missing)
	s.eventually("incidents", func() bool {
		for _, e := range sp.events() {
			if e.sourcetype == "ms365:defender:incident" && e.source == "ms365_defender_incident" {
				delete(missing, e.index+e.raw)
			}
		}
		return len(missing) == 0
	})
	c.terminate()
	assert.Zero(t, repeatsInSplunk(t, sp.events()))
}

// An alert that is larger than what the exporter and Splunk's collector take by default arrives too.
func TestLargeAlertsArriveInSplunk(t *testing.T) {
	t.Parallel()
	s := newSplunkStage(t)
	now := time.Now().Add(-time.Minute)
	s.cloud.World.Put(s.tenants[0].id, world.Alert{
		Updated: now, Created: now, Sources: []world.Source{world.EndpointAlerts}, Members: map[string]any{"description": incompressible(6 << 20)},
	})
	sp := newSplunk(s)
	c := s.startConfiguration("splunk.yaml")
	assert.Len(t, s.arrivedInSplunk(sp), 1)
	c.terminate()
}

func TestSplunkMayBeDownForATime(t *testing.T) {
	t.Parallel()
	s := newSplunkStage(t)
	s.generate(100, 20*time.Hour)
	sp := newSplunk(s)
	sp.down()
	c := s.startConfiguration("splunk.yaml", quickRetry)
	s.polled(1, s.tenants...)
	s.generate(20, time.Minute)
	s.polled(2, s.tenants...)
	sp.up()
	events := s.arrivedInSplunk(sp)
	c.terminate()
	assert.Zero(t, repeatsInSplunk(t, events))
	assert.Empty(t, c.logged(fails, nil), "the queue takes everything meanwhile")
}

// A collector that is stopped while Splunk is down ends soon, and its queue goes on with the next start.
func TestStoppingWhileSplunkIsDownLosesNothing(t *testing.T) {
	t.Parallel()
	s := newSplunkStage(t)
	s.generate(50, 20*time.Hour)
	sp := newSplunk(s)
	sp.down()
	c := s.startConfiguration("splunk.yaml")
	s.polled(1, s.tenants...)
	c.terminate()
	sp.up()
	next := s.startConfiguration("splunk.yaml")
	events := s.arrivedInSplunk(sp)
	next.terminate()
	assert.Zero(t, repeatsInSplunk(t, events))
}

// quickRetry makes the exporter try again within seconds, where the configuration waits up to half a minute.
const quickRetry = `exporters: {splunk_hec: {retry_on_failure: {initial_interval: 100ms, max_interval: 1s}}}`

// The wait that Splunk asks for is kept, and what it had refused arrives.
func TestTheWaitThatSplunkAsksForIsKept(t *testing.T) {
	t.Parallel()
	s := newSplunkStage(t)
	now := time.Now().Add(-time.Minute)
	s.cloud.World.Put(s.tenants[0].id, world.Alert{Updated: now, Created: now, Sources: []world.Source{world.EndpointAlerts}})
	sp := newSplunk(s)
	var requests []time.Time
	sp.instead(func(w http.ResponseWriter, r *http.Request) bool {
		requests = append(requests, time.Now())
		return len(requests) <= 2 && refusing(http.StatusServiceUnavailable, "Retry-After", "2")(w, r)
	})
	c := s.startConfiguration("splunk.yaml", quickRetry)
	events := s.arrivedInSplunk(sp)
	c.terminate()
	assert.Zero(t, repeatsInSplunk(t, events))
	require.Len(t, requests, 3)
	assert.GreaterOrEqual(t, requests[1].Sub(requests[0]), 2*time.Second)
	assert.GreaterOrEqual(t, requests[2].Sub(requests[1]), 2*time.Second)
}

// What Splunk refuses for good (an unknown index) the exporter drops, with one line that has the number. It is not lost: a
// receiver of another name reads it again, with the same uids.
func TestWhatSplunkRefusesForGoodCanBeReadAgain(t *testing.T) {
	t.Parallel()
	s := newSplunkStage(t)
	s.generate(10, time.Hour)
	sp := newSplunk(s)
	sp.instead(refusing(http.StatusBadRequest))
	port := freePort(t)
	c := s.startConfiguration("splunk.yaml", measured(port))
	lost := len(s.wantedInSplunk())
	dropped := func() (n int) {
		for _, l := range c.logged("Exporting failed. Dropping data.", nil) {
			count, _ := l["dropped_items"].(float64)
			n += int(count)
		}
		return n
	}
	s.eventually("the lines that say it", func() bool { return dropped() == lost })
	require.Empty(t, sp.events())
	assert.Regexp(t, fmt.Sprintf(`(?m)^otelcol_exporter_send_failed_log_records\{.*exporter="splunk_hec".*\} %d$`, lost), s.get(port, "/metrics"))
	sp.instead(nil)
	s.generate(5, time.Second)
	s.eventually("what comes later", func() bool { return len(sp.events()) > 0 })
	c.terminate()
	before := sp.events()
	assert.Less(t, len(before), len(s.wantedInSplunk()), "the rest flows, and what was dropped does not come by itself")

	again := s.startConfiguration("splunk.yaml", block(t, page(t, "splunk.md"), "yaml", "defender/again:"), `
receivers:
  defender/again:
    tls: {ca_file: "${env:E2E_DIR}/ca.pem"}
    sources: {endpoint_alerts: {endpoint: "${env:E2E_CLOUD}/defender"}, xdr_incidents: {endpoint: "${env:E2E_CLOUD}/xdr"}}
service: {pipelines: {logs: {receivers: [defender/again]}}}`)
	events := s.arrivedInSplunk(sp)
	again.terminate()
	assert.Equal(t, len(before), repeatsInSplunk(t, events), "with the uids of before")
}

// A process that is killed while its queue is full has lost nothing: what was in the queue goes on from the disk, and what
// found no room is read again.
func TestKillingWithAFullQueueLosesNothing(t *testing.T) {
	t.Parallel()
	s := newSplunkStage(t)
	s.generate(1_000, 20*time.Hour)
	sp := newSplunk(s)
	sp.down()
	for _, a := range api.APIs() {
		s.cloud.API.SetQuota(a, api.Quota{}) // each process counts its own requests
	}
	over := []string{
		quickRetry, `exporters: {splunk_hec: {sending_queue: {queue_size: 1500000}}}`,
		`receivers: {defender: {sources: {endpoint_alerts: {page_size: 100}}}}`,
	}
	full := s.startConfiguration("splunk.yaml", over...)
	s.eventually("a full queue", func() bool { return len(full.logged(fails, line{"reason": "pipeline_refused"})) > 0 })
	full.kill()

	sp.up()
	for range 3 { // at any moment of its work
		c := s.startConfiguration("splunk.yaml", over...)
		before := len(sp.events())
		s.eventually("events", func() bool { return len(sp.events()) > before })
		c.kill()
	}
	c := s.startConfiguration("splunk.yaml", over...)
	events := s.arrivedInSplunk(sp)
	c.terminate()
	t.Logf("%d events, %d of them repeats", len(events), repeatsInSplunk(t, events))
}
