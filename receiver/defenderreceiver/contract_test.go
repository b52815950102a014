package defenderreceiver_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pipeline"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver"
)

// TestConsumeContract is the collector's own check of a receiver: whatever the pipeline answers, no record is missing
// and none comes twice.
func TestConsumeContract(t *testing.T) {
	// Many tenants, so that the pipeline decides about many small batches and no quota ends before the test does.
	var ids []string
	for i := range 40 {
		ids = append(ids, fmt.Sprintf("bbbbbbbb-0000-4000-8000-%012d", i))
	}
	b := newBench(t, nil, ids...)
	cfg := b.config(map[string]any{
		"sources":         map[string]any{"graph_alerts": map[string]any{"endpoint": b.cloud.GraphURL()}},
		"max_concurrency": 64,
	})
	cfg.PollInterval = 200 * time.Millisecond
	receivertest.CheckConsumeContract(receivertest.CheckConsumeContractParams{
		T:             t,
		Factory:       defenderreceiver.NewHastyFactory(b.host, func(next consumer.Logs) consumer.Logs { return labelled{next} }),
		Signal:        pipeline.SignalLogs,
		Config:        cfg,
		Generator:     &generator{bench: b, tenants: ids},
		GenerateCount: 400,
	})
}

// generator makes alerts, one tenant after the other.
type generator struct {
	bench   *bench
	tenants []string

	mu   sync.Mutex
	made int
}

func (g *generator) Start() {}

// Stop takes the alerts of a scenario away, so that the next one begins with none.
func (g *generator) Stop() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range g.made {
		g.bench.cloud.World.Delete(g.tenants[i%len(g.tenants)], alertID(i))
	}
}

func (g *generator) Generate() []receivertest.UniqueIDAttrVal {
	g.mu.Lock()
	defer g.mu.Unlock()
	id := alertID(g.made)
	g.bench.cloud.World.Put(g.tenants[g.made%len(g.tenants)], world.Alert{ID: id, Sources: []world.Source{world.GraphAlerts}})
	g.made++
	return []receivertest.UniqueIDAttrVal{receivertest.UniqueIDAttrVal(id)}
}

func alertID(i int) string { return fmt.Sprintf("da%d", i) }

// labelled gives the check the attribute that it tells records apart by.
type labelled struct{ consumer.Logs }

func (l labelled) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: true}
}

func (l labelled) ConsumeLogs(ctx context.Context, logs plog.Logs) error {
	for _, lr := range logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
		lr.Attributes().PutStr(receivertest.UniqueIDAttrName, text(lr.Attributes(), "microsoft.defender.alert.id"))
	}
	return l.Logs.ConsumeLogs(ctx, logs)
}
