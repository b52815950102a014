package defenderreceiver

import (
	"slices"
	"time"

	"go.opentelemetry.io/collector/receiver"
	"go.uber.org/zap"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/metadata"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/poll"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/record"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/source"
)

// reconcileEvery is how often, and over how long a time, deliveries are compared with what the API lists.
const reconcileEvery = 24 * time.Hour

// quotaShare is how much of a quota regular polls may use; the rest is for pages, repeats and sweeps.
const quotaShare = 0.8

// feed is a source as it is configured.
type feed struct {
	settings poll.Settings
	override source.Override
	interval time.Duration
}

// newFeeds returns the configured sources in the order of the documentation.
func newFeeds(cfg *Config, set receiver.Settings, builder *metadata.TelemetryBuilder) []feed {
	sharing := map[string]int{} // sources by quota
	for _, s := range source.All() {
		if _, configured := cfg.Sources[s.Key]; configured {
			sharing[s.Quota]++
		}
	}
	var feeds []feed
	for _, s := range source.All() {
		own, configured := cfg.Sources[s.Key]
		if !configured {
			continue
		}
		if own == nil {
			own = &SourceConfig{}
		}
		f := newFeed(cfg, own, s)
		warn(set.Logger, s, own)
		f.settings.ScopeName, f.settings.ScopeVersion = metadata.ScopeName, set.BuildInfo.Version
		f.settings.Metrics = poll.NewMetrics(builder, s.Key)
		if shortest := paced(s, sharing[s.Quota]); f.interval < shortest {
			set.Logger.Warn("`poll_interval` is shorter than the API's quota permits; the source is polled as often as it does.",
				zap.String("source", s.Key), zap.Duration("poll_interval", f.interval), zap.Duration("polled_every", shortest))
			f.interval = shortest
		}
		feeds = append(feeds, f)
	}
	return feeds
}

// warn says at the start of a source what may not last or not work.
func warn(log *zap.Logger, s source.Source, own *SourceConfig) {
	if s.Successor != "" {
		log.Warn("A source reads an API that Microsoft has deprecated, and may have switched off since 2024-12-31. Use its successor instead.",
			zap.String("source", s.Key), zap.String("successor", s.Successor))
	}
	if own.Region != "" && !slices.Contains(s.Regions, own.Region) {
		log.Warn("`region` is not one that is known here; its host is asked as it is.",
			zap.String("source", s.Key), zap.String("region", own.Region), zap.Strings("known", s.Regions))
	}
}

func newFeed(cfg *Config, own *SourceConfig, s source.Source) feed {
	region := own.Region
	if region == "" {
		region = defaultRegion
	}
	s.Schema = s.Schema.WithMaxDepth(cfg.MaxRecordDepth)
	split, parent := cfg.splitOf(s, own)
	return feed{
		settings: poll.Settings{
			Source:          s,
			Filter:          own.Filter,
			Parameters:      own.parameters(),
			PageSize:        valueOr(own.PageSize, s.PageSize),
			MaxBatch:        poll.MaxBatch,
			InitialLookback: cfg.InitialLookback,
			Overlap:         valueOr(own.Overlap, cfg.Overlap),
			SweepInterval:   cfg.Sweep.Interval,
			SweepWindow:     cfg.Sweep.Window,

			ReconcileInterval: reconcileEvery,
			Record: record.Options{
				Timestamp: record.Timestamp(cfg.Timestamp), BodyMap: cfg.Body == bodyMap, Split: split, SplitParent: parent,
			},
		},
		override: source.Override{Endpoint: own.Endpoint, Scope: own.Scope, Region: region},
		interval: valueOr(own.PollInterval, cfg.PollInterval),
	}
}

// paced is the shortest interval at which n sources that share the quota can be polled for ever.
func paced(s source.Source, n int) time.Duration {
	var shortest time.Duration
	for _, l := range s.Limits {
		each := float64(l.Window) / float64(l.Requests) / quotaShare * float64(n)
		shortest = max(shortest, time.Duration(each))
	}
	return shortest
}

func valueOr[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}
