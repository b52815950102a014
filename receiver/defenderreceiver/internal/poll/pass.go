package poll

import (
	"time"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/api"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/source"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/window"
)

const (
	// maxLinks is how many nextLinks of one part are followed before the part is cut instead: each page of a long chain
	// is one more chance that the list changes underneath.
	maxLinks = 10
	// maxTickPages bounds the pages of a single tick, which cannot be cut.
	maxTickPages = 10_000
)

// pass reads one interval. It holds where in the current part the reading stands.
type pass struct {
	walk *window.Walk
	// before is the cursor when the pass began: what is older and new was late. Zero in the first pass of a tenant.
	before odata.Instant

	next  string // the nextLink to follow, empty at the start of a part
	links int
	skip  int
	fresh int // new records since the part, or the round through a tick, began
	read  int // records of the part

	oldest, newest odata.Instant // update times read that lie in the part
	any            bool
}

func newPass(low, high odata.Instant, length time.Duration, pageSize int) *pass {
	return &pass{walk: window.New(low, high, length, pageSize)}
}

func (ps *pass) query(filter string, pageSize int) source.Query {
	part := ps.walk.Next()
	return source.Query{From: part.From, To: part.To, Top: pageSize, Skip: ps.skip, Filter: filter}
}

// saw notes the update time of a record that was read.
func (ps *pass) saw(version odata.Instant) {
	if !ps.walk.Next().Contains(version) {
		return // changed while it was read, or the API is loose with the filter
	}
	if !ps.any {
		ps.oldest, ps.newest, ps.any = version, version, true
		return
	}
	ps.oldest, ps.newest = min(ps.oldest, version), max(ps.newest, version)
}

// ended decides what a page means that was read and delivered to its end; complete says that the whole part is.
func (ps *pass) ended(page api.Page, pageSize int) (complete bool, err error) {
	ps.read += page.Records
	part := ps.walk.Next()
	switch {
	case page.NextLink != "":
		return false, ps.follow(page, part)
	case page.Records < pageSize:
		if part.Single() && ps.skip > 0 && ps.fresh > 0 {
			ps.again()
			return false, nil
		}
		records := ps.read
		ps.walk.Complete(records)
		ps.restart()
		return true, nil
	case part.Single():
		ps.skip += page.Records
		if ps.skip > maxTickPages*pageSize {
			return false, fullTick(part.From.String())
		}
		return false, nil
	default:
		ps.cut()
		return false, nil
	}
}

func (ps *pass) follow(page api.Page, part window.Part) error {
	ps.links++
	switch {
	case page.NextLink == ps.next || ps.links > maxTickPages:
		return fullTick(part.From.String())
	case ps.links > maxLinks && !part.Single():
		ps.cut()
	default:
		ps.next = page.NextLink
	}
	return nil
}

// again reads a tick once more from its start: $skip over a list that changes can pass over records, so a tick is
// complete only when a whole round brought nothing new.
func (ps *pass) again() { ps.skip, ps.fresh, ps.read = 0, 0, 0 }

func (ps *pass) cut() {
	ps.walk.Full(ps.oldest, ps.newest, ps.any)
	ps.restart()
}

// restart forgets what was read of the part, not what was delivered.
func (ps *pass) restart() {
	ps.next, ps.links, ps.skip, ps.fresh, ps.read, ps.any = "", 0, 0, 0, 0, false
}
