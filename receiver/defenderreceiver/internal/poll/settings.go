package poll

import (
	"context"
	"net/url"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"
	"golang.org/x/sync/semaphore"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/api"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/checkpoint"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/quota"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/record"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/source"
)

// Settings are the same for every tenant of a source.
type Settings struct {
	Source          source.Source
	Filter          string
	Parameters      url.Values
	PageSize        int
	MaxBatch        int // records that the pipeline gets at a time
	InitialLookback time.Duration
	Overlap         time.Duration
	SweepInterval   time.Duration // 0 for no sweep
	SweepWindow     time.Duration
	// ReconcileInterval is how often the time of one interval is compared with what was delivered; 0 for never.
	ReconcileInterval time.Duration
	Record            record.Options
	ScopeName         string
	ScopeVersion      string
	Metrics           *Metrics
}

// Services are what polls share.
type Services struct {
	Client *api.Client
	Store  *checkpoint.Store
	// Consume hands records of one tenant to the pipeline.
	Consume func(context.Context, plog.Logs) error
	// Memory bounds the bytes of answers held at a time, and MaxMemory is its size.
	Memory    *semaphore.Weighted
	MaxMemory int64
	// ClockWarning is said once for all tenants.
	ClockWarning *ClockWarning
	Now          func() time.Time
}

// Subject is whom a poller polls.
type Subject struct {
	Tenant entraauth.Tenant
	Target source.Target
	// Budget is shared by the sources of one API of the tenant.
	Budget *quota.Budget
	// FirstSweep and FirstReconciliation are when those are due.
	FirstSweep, FirstReconciliation time.Time
	// Blocked is told of a *BlockedError while the poll goes on; may be nil.
	Blocked func(error)
	// Log carries the tenant and the source.
	Log *zap.Logger
}
