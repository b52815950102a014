package defenderreceiver

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
)

// grace is how long the pipeline may still work on what it was handed when the receiver shuts down.
const grace = 2 * time.Second

// delivery hands records to the pipeline, with the collector's own counters around it.
type delivery struct {
	next    consumer.Logs
	observe *receiverhelper.ObsReport
}

func newDelivery(set receiver.Settings, next consumer.Logs) (*delivery, error) {
	observe, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
		ReceiverID: set.ID, Transport: "http", LongLivedCtx: true, ReceiverCreateSettings: set,
	})
	if err != nil {
		return nil, err
	}
	return &delivery{next: next, observe: observe}, nil
}

// consume delivers records of one tenant. The tenant is in the client metadata too, for exporters that batch by it.
func (d *delivery) consume(ctx context.Context, logs plog.Logs) error {
	ctx, stop := lingering(ctx, grace)
	defer stop()
	n := logs.LogRecordCount()
	resource := logs.ResourceLogs().At(0).Resource().Attributes()
	tenant := map[string][]string{}
	for _, key := range []string{"azure.tenant.id", "azure.tenant.name"} {
		if value, ok := resource.Get(key); ok {
			tenant[key] = []string{value.Str()}
		}
	}
	ctx = client.NewContext(ctx, client.Info{Metadata: client.NewMetadata(tenant)})
	ctx = d.observe.StartLogsOp(ctx)
	err := d.next.ConsumeLogs(ctx, logs)
	d.observe.EndLogsOp(ctx, "json", n, err)
	return err
}

// lingering returns a context that ends some time after ctx does: what the pipeline has begun it may finish, so that
// a shutdown does not make repeats.
func lingering(ctx context.Context, after time.Duration) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var timer *time.Timer
	started := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		timer = time.AfterFunc(after, cancel)
		close(started)
	})
	return out, func() {
		cancel()
		if !stop() {
			<-started
			timer.Stop()
		}
	}
}
