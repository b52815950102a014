package defenderreceiver_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/storagetest"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/api"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver"
)

const (
	contoso  = "aaaaaaaa-0000-4000-8000-000000000001"
	fabrikam = "aaaaaaaa-0000-4000-8000-000000000002"
	patience = 30 * time.Second
	rhythm   = 20 * time.Millisecond
)

// bench is a simulated cloud, the real extension, and room for a receiver.
type bench struct {
	t         *testing.T
	cloud     *cloudsim.Cloud
	host      *host
	telemetry *componenttest.Telemetry
	logs      *observer.ObservedLogs
	log       *zap.Logger
	sink      *sink
	sources   []world.Source // that the receiver is configured with
}

// newBench starts a cloud with the tenants, and the extension for them. extra is merged into the extension's
// configuration.
func newBench(t *testing.T, extra map[string]any, tenants ...string) *bench {
	t.Helper()
	core, logs := observer.New(zapcore.InfoLevel)
	b := &bench{
		t: t, cloud: cloudsim.New(cloudsim.Options{Seed: 1}), host: &host{extensions: map[component.ID]component.Component{}},
		telemetry: componenttest.NewTelemetry(), logs: logs, log: zap.New(core), sink: &sink{},
		sources: []world.Source{world.EndpointAlerts, world.GraphAlerts},
	}
	require.NoError(t, b.cloud.Start())
	t.Cleanup(func() {
		require.NoError(t, b.cloud.Close())
		require.NoError(t, b.telemetry.Shutdown(context.Background()))
	})
	var rows []any
	for i, id := range tenants {
		name := fmt.Sprintf("tenant-%d", i+1)
		b.cloud.AddTenant(id, name)
		rows = append(rows, map[string]any{"id": id, "name": name, "attributes": map[string]any{"customer.id": "C-" + name}})
	}
	ca, err := b.cloud.CAFile(t.TempDir())
	require.NoError(t, err)
	conf := map[string]any{
		"authority_host": b.cloud.URL(),
		"application": map[string]any{
			"client_id": cloudsim.ClientID, "credentials": []any{map[string]any{"client_secret": cloudsim.ClientSecret}},
		},
		"http": map[string]any{"tls": map[string]any{"ca_file": ca}},
	}
	if rows != nil {
		conf["tenants"] = rows
	}
	maps.Copy(conf, extra)
	b.startExtension(conf)
	return b
}

func (b *bench) startExtension(conf map[string]any) {
	factory := entraauthextension.NewFactory()
	cfg := factory.CreateDefaultConfig()
	require.NoError(b.t, confmap.NewFromStringMap(conf).Unmarshal(cfg))
	require.NoError(b.t, confmap.Validate(cfg))
	set := extensiontest.NewNopSettings(factory.Type())
	set.Logger = b.log
	ext, err := factory.Create(context.Background(), set, cfg)
	require.NoError(b.t, err)
	require.NoError(b.t, ext.Start(context.Background(), b.host))
	b.t.Cleanup(func() { require.NoError(b.t, ext.Shutdown(context.Background())) })
	b.host.extensions[component.MustNewID("entra_auth")] = ext
}

// storage gives the host a storage extension whose files survive receivers, and returns its id.
func (b *bench) storage() string {
	store := storagetest.NewFileBackedStorageExtension("checkpoints", b.t.TempDir())
	b.host.extensions[store.ID] = store
	return store.ID.String()
}

// config returns a receiver's configuration against the cloud, with extra merged into it.
func (b *bench) config(extra map[string]any) *defenderreceiver.Config {
	b.t.Helper()
	ca, err := b.cloud.CAFile(b.t.TempDir())
	require.NoError(b.t, err)
	conf := map[string]any{
		"auth":          map[string]any{"authenticator": "entra_auth"},
		"tls":           map[string]any{"ca_file": ca},
		"poll_interval": "1s",
		"sources": map[string]any{
			"endpoint_alerts": map[string]any{"endpoint": b.cloud.EndpointURL()},
			"graph_alerts":    map[string]any{"endpoint": b.cloud.GraphURL()},
		},
	}
	maps.Copy(conf, extra)
	cfg := defenderreceiver.NewFactory().CreateDefaultConfig()
	require.NoError(b.t, confmap.NewFromStringMap(conf).Unmarshal(cfg))
	require.NoError(b.t, confmap.Validate(cfg))
	return cfg.(*defenderreceiver.Config)
}

// start runs a receiver until stop, or the end of the test.
func (b *bench) start(cfg *defenderreceiver.Config) (stop func()) {
	b.t.Helper()
	rcv := b.create(cfg)
	require.NoError(b.t, rcv.Start(context.Background(), b.host))
	stop = sync.OnceFunc(func() { require.NoError(b.t, rcv.Shutdown(context.Background())) })
	b.t.Cleanup(stop)
	return stop
}

func (b *bench) create(cfg *defenderreceiver.Config) receiver.Logs {
	b.t.Helper()
	factory := defenderreceiver.NewFactory()
	set := receivertest.NewNopSettings(factory.Type())
	set.ID = component.NewID(factory.Type()) // checkpoints are kept by it
	set.TelemetrySettings = b.telemetry.NewTelemetrySettings()
	set.Logger = b.log
	set.BuildInfo = component.BuildInfo{Command: "otelcol-defender", Version: "1.2.3"}
	rcv, err := factory.CreateLogs(context.Background(), set, cfg, b.sink)
	require.NoError(b.t, err)
	return rcv
}

// eventually waits for a condition as long as a loaded machine may need.
func (b *bench) eventually(what string, condition func() bool) {
	b.t.Helper()
	require.Eventually(b.t, condition, patience, rhythm, what)
}

// complete waits until everything visible has been emitted, and compares it.
func (b *bench) complete(tenants ...string) {
	b.t.Helper()
	for _, tenant := range tenants {
		for _, s := range b.sources {
			want := b.cloud.World.Find(tenant, world.Query{Source: s})
			b.eventually(fmt.Sprintf("every alert of %s in %s", tenant, s), func() bool {
				for _, v := range want {
					if len(b.sink.bodies(tenant, string(s), v.ID, v.UpdatedText())) == 0 {
						return false
					}
				}
				return true
			})
			for _, v := range want {
				bodies := b.sink.bodies(tenant, string(s), v.ID, v.UpdatedText())
				require.Len(b.t, bodies, 1, "%s of %s came more than once", v.ID, s)
				require.Equal(b.t, string(v.JSON()), bodies[0], "the body is the API's text")
			}
		}
	}
}

// polls waits until the tenant has been asked n more times.
func (b *bench) polls(tenant string, n int) {
	b.t.Helper()
	before := len(b.cloud.API.Requests(tenant, api.Graph))
	b.eventually("polls of "+tenant, func() bool { return len(b.cloud.API.Requests(tenant, api.Graph)) >= before+n })
}

// logged returns the log lines with that message and those fields.
func (b *bench) logged(message string, fields map[string]any) []observer.LoggedEntry {
	var found []observer.LoggedEntry
	for _, entry := range b.logs.FilterMessageSnippet(message).All() {
		have, matches := entry.ContextMap(), true
		for key, want := range fields {
			matches = matches && have[key] == want
		}
		if matches {
			found = append(found, entry)
		}
	}
	return found
}

// host is a component.Host that remembers the status events.
type host struct {
	extensions map[component.ID]component.Component

	mu     sync.Mutex
	events []componentstatus.Status
}

func (h *host) GetExtensions() map[component.ID]component.Component { return h.extensions }

func (h *host) Report(e *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e.Status())
}

func (h *host) statuses() []componentstatus.Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]componentstatus.Status(nil), h.events...)
}

// sink is the pipeline. It can refuse.
type sink struct {
	mu      sync.Mutex
	records map[place][]string // bodies
	all     []plog.LogRecord
	logs    []plog.Logs
	refuse  func(plog.Logs) error
}

type place struct{ tenant, source, id, updated string }

var _ consumer.Logs = (*sink)(nil)

func (s *sink) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (s *sink) ConsumeLogs(_ context.Context, logs plog.Logs) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse != nil {
		if err := s.refuse(logs); err != nil {
			return err
		}
	}
	if s.records == nil {
		s.records = map[place][]string{}
	}
	s.logs = append(s.logs, logs)
	tenant := text(logs.ResourceLogs().At(0).Resource().Attributes(), "azure.tenant.id")
	for _, lr := range logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
		a := lr.Attributes()
		p := place{tenant, text(a, "microsoft.defender.source"), idOf(lr), text(a, "microsoft.defender.updated")}
		s.records[p] = append(s.records[p], lr.Body().AsString())
		s.all = append(s.all, lr)
	}
	return nil
}

// idOf is what the source tells its records apart by.
func idOf(lr plog.LogRecord) string {
	switch source := text(lr.Attributes(), "microsoft.defender.source"); world.Source(source) {
	case world.GraphIncidents, world.XDRIncidents:
		return text(lr.Attributes(), "microsoft.defender.incident.id")
	case world.SIEMAlerts:
		var row struct {
			ID string `json:"FullId"`
		}
		_ = json.Unmarshal([]byte(lr.Body().AsString()), &row) // no id is no version of the world's
		return row.ID
	default:
		return text(lr.Attributes(), "microsoft.defender.alert.id")
	}
}

func (s *sink) bodies(tenant, source, id, updated string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.records[place{tenant, source, id, updated}]
}

func (s *sink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all)
}

func (s *sink) setRefuse(f func(plog.Logs) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = f
}

func text(m pcommon.Map, key string) string {
	v, ok := m.Get(key)
	if !ok {
		return ""
	}
	return v.AsString()
}

var errQueueFull = errors.New("queue is full")
