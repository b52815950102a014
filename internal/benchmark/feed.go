package main

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// feed is the alerts of one tenant, written before anything is measured: newest first, as the API lists them.
type feed struct {
	text    []byte // the records, each followed by a comma
	ends    []int  // of each record in text, without its comma
	starts  []int
	updated []time.Time
}

// newFeed makes n alerts with evidence, updated over an interval.
func newFeed(w *world.World, tenantID string, n int, from, to time.Time) *feed {
	w.AddTenant(tenantID, tenantID)
	w.Generate(tenantID, n, from, to)
	versions := w.Find(tenantID, world.Query{Source: world.EndpointAlerts})
	slices.SortFunc(versions, func(a, b *world.Version) int {
		return cmp.Or(b.Updated.Compare(a.Updated), cmp.Compare(a.ID, b.ID))
	})
	f := &feed{}
	for _, v := range versions {
		f.starts = append(f.starts, len(f.text))
		f.text = append(f.text, v.JSON()...)
		f.ends = append(f.ends, len(f.text))
		f.text = append(f.text, ',')
		f.updated = append(f.updated, v.Updated)
	}
	return f
}

// between returns the text of at most top records updated in the closed interval, after the first skip, and their number.
func (f *feed) between(from, to time.Time, top, skip int) (text []byte, n int) {
	first := sort.Search(len(f.updated), func(i int) bool { return !f.updated[i].After(to) }) + skip
	last := min(sort.Search(len(f.updated), func(i int) bool { return f.updated[i].Before(from) }), first+top)
	if first >= last {
		return nil, 0
	}
	return f.text[f.starts[first]:f.ends[last-1]], last - first
}

// meanSize is that of a record in bytes.
func (f *feed) meanSize() int { return len(f.text) / max(1, len(f.ends)) }

func tenantID(i int) string { return fmt.Sprintf("bbbbbbbb-0000-4000-8000-%012x", i+1) }
