package defenderreceiver

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/record"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/source"
)

const (
	splitBodyPart   = "part"
	splitBodyParent = "parent"
)

// splitOf returns what a source's records are split into, and whether the body of a part is the whole record around it.
// What is said for all sources counts for those that have such parts.
func (cfg *Config) splitOf(s source.Source, own *SourceConfig) (split record.Split, parent bool) {
	if own == nil {
		own = &SourceConfig{}
	}
	split = record.Split(cmp.Or(own.Split, cfg.Split))
	if split != s.Schema.Splits() {
		split = record.SplitNone
	}
	return split, split != record.SplitNone && cmp.Or(own.SplitBody, cfg.SplitBody) == splitBodyParent
}

// validateSplit refuses a split of all sources that none of them can follow, and bodies of parts where there are none.
func (cfg *Config) validateSplit() error {
	split := record.Split(cfg.Split)
	if !slices.Contains([]record.Split{record.SplitNone, record.SplitAlerts, record.SplitEvidence}, split) {
		return fmt.Errorf("`split` takes none, alerts or evidence, not %q", cfg.Split)
	}
	if cfg.SplitBody != splitBodyPart && cfg.SplitBody != splitBodyParent {
		return fmt.Errorf("`split_body` takes part or parent, not %q", cfg.SplitBody)
	}
	var able, followers, splitting []string
	for _, s := range source.All() {
		if s.Schema.Splits() == split {
			able = append(able, s.Key)
		}
		own, configured := cfg.Sources[s.Key]
		if !configured {
			continue
		}
		if s.Schema.Splits() == split {
			followers = append(followers, s.Key)
		}
		if splits, _ := cfg.splitOf(s, own); splits != record.SplitNone {
			splitting = append(splitting, s.Key)
		}
	}
	var errs []error
	if split != record.SplitNone && len(followers) == 0 {
		errs = append(errs, fmt.Errorf("`split` %s is for %s, and none of them is in `sources`", split, strings.Join(able, " and ")))
	}
	if cfg.SplitBody == splitBodyParent && len(splitting) == 0 {
		errs = append(errs, errors.New("`split_body` parent is of no use: no source has a `split`"))
	}
	return errors.Join(errs...)
}

// validateSplit refuses parts that the source's records do not have, and bodies of parts that it does not make.
func (c *SourceConfig) validateSplit(s source.Source, cfg *Config) error {
	var errs []error
	switch able := s.Schema.Splits(); {
	case c.Split == "" || c.Split == string(record.SplitNone) || c.Split == string(able):
	case able == record.SplitNone:
		errs = append(errs, refused(s, "split", "takes none alone, not %q: its records have no parts", c.Split))
	default:
		errs = append(errs, refused(s, "split", "takes none or %s, not %q", able, c.Split))
	}
	if splits, _ := cfg.splitOf(s, c); splits == record.SplitNone && c.SplitBody == splitBodyParent {
		errs = append(errs, refused(s, "split_body", "parent is of no use without `split`"))
	}
	if c.SplitBody != "" && c.SplitBody != splitBodyPart && c.SplitBody != splitBodyParent {
		errs = append(errs, refused(s, "split_body", "takes part or parent, not %q", c.SplitBody))
	}
	return errors.Join(errs...)
}
