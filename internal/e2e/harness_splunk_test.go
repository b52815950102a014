package e2e_test

import (
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/receiver/splunkhecreceiver"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/receiver/receivertest"
)

const hecToken = "00000000-0000-0000-0000-0000000000e2"

// splunk is the HTTP Event Collector of the collector's own receiver, behind a front. It checks the token, which that
// receiver does not.
type splunk struct {
	*front
	logs *consumertest.LogsSink
}

// newSplunk raises one and tells the stage's collectors where it is.
func newSplunk(s *stage) *splunk {
	s.t.Helper()
	sp := &splunk{logs: new(consumertest.LogsSink)}
	proxy := proxyTo(startHEC(s.t, sp.logs))
	sp.front = newFront(s.t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Splunk "+hecToken {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	s.env = append(s.env, "SPLUNK_HEC_URL="+sp.url(), "SPLUNK_HEC_TOKEN="+hecToken)
	return sp
}

// hecs guards the list of its receivers that the receiver's package has, which it changes without a lock.
var hecs sync.Mutex

// startHEC starts the receiver on a free port, and returns its address.
func startHEC(t *testing.T, logs *consumertest.LogsSink) string {
	t.Helper()
	factory := splunkhecreceiver.NewFactory()
	var address string
	require.Eventually(t, func() bool {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		address = listener.Addr().String()
		require.NoError(t, listener.Close())
		cfg := factory.CreateDefaultConfig().(*splunkhecreceiver.Config)
		cfg.NetAddr.Endpoint = address
		cfg.MaxRequestBodySize = 512 << 20
		hecs.Lock()
		hec, err := factory.CreateLogs(t.Context(), receivertest.NewNopSettings(factory.Type()), cfg, logs)
		hecs.Unlock()
		require.NoError(t, err)
		if hec.Start(t.Context(), componenttest.NewNopHost()) != nil {
			return false // somebody took the port meanwhile
		}
		t.Cleanup(func() {
			hecs.Lock()
			defer hecs.Unlock()
			require.NoError(t, hec.Shutdown(t.Context()))
		})
		return true
	}, patience, rhythm)
	return address
}

// splunkEvent is what Splunk gets to know of an event.
type splunkEvent struct {
	index, sourcetype, source, host, raw string
	at                                   pcommon.Timestamp
	fields                               map[string]any
}

func (e splunkEvent) field(name string) string {
	text, _ := e.fields[name].(string)
	return text
}

// events are those that have arrived, in order.
func (sp *splunk) events() (events []splunkEvent) {
	for _, logs := range sp.logs.AllLogs() {
		for _, rl := range logs.ResourceLogs().All() {
			of := rl.Resource().Attributes()
			for _, sl := range rl.ScopeLogs().All() {
				for _, lr := range sl.LogRecords().All() {
					events = append(events, splunkEvent{
						index: text(of, "com.splunk.index"), sourcetype: text(of, "com.splunk.sourcetype"), source: text(of, "com.splunk.source"),
						host: text(of, "host.name"), raw: lr.Body().AsString(), at: lr.Timestamp(), fields: lr.Attributes().AsRaw(),
					})
				}
			}
		}
	}
	return events
}
