package poll

import (
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/api"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/source"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/window"
)

const (
	// maxLinks is how many nextLinks of one part are followed before the part is cut instead.
	maxLinks = 10
	// maxTickPages bounds the pages of a single tick, and maxRounds how often it is read until nothing changes.
	maxTickPages = 10_000
	maxRounds    = 20
	// maxPassed is how many records of an instant are passed over before all of it is.
	maxPassed = 20
	// barrenRounds is how many rounds without a new record end a tick that is listed in another order each time.
	barrenRounds = 5
	// maxRaised is how often the limit of an answer is doubled, where the API has no $skip.
	maxRaised = 10
)

// pass reads one interval. It holds where in the current part the reading stands.
type pass struct {
	walk *window.Walk
	// before is the cursor when the pass began: what is older and new was late. Zero in the first pass of a tenant.
	before odata.Instant
	// again is the second reading that the pass is for, nil for a poll's own; ledger compares, where it is to.
	again  *reread
	ledger *ledger
	// limit is what the cursor never passes: the earlier of the local clock at the beginning and the server's at the first
	// answer. Whichever of them is ahead would let it pass alerts that are still to be made.
	limit   odata.Instant
	limited bool // by an answer

	// completing is what is left to do for the last page before it ends, nil for nothing.
	completing *completing
	// raised is how often the limit of an answer was doubled, where the API has no $skip.
	raised int

	round  round
	last   *tally // of the round before, nil in the first
	rounds int
	bySkip bool // pages are asked for by $skip, also where the API gives nextLinks
	plain  bool // without $expand, as the page fails with it
	// listFails tells that without $expand the part failed as well.
	listFails bool
	failed    api.Kind // of the last page that failed, empty for none
	barren    int      // rounds after each other that brought nothing new

	oldest, newest odata.Instant // update times read that lie in the part
	any            bool
}

// round is one reading of a part from its start, over as many pages as it takes.
type round struct {
	next  string // the nextLink to follow, empty at the start and with $skip
	pages int
	skip  int
	// chained counts the records since the last request that did not follow a link.
	chained int
	fresh   int // records that were not delivered before
	// passed counts records that cannot be read, outside those whose update time was not asked for.
	passed, outside int
	tally
}

// tally tells whether two rounds read the same records, in whatever order.
type tally struct {
	records int
	sum     uint64
}

func newPass(low, high odata.Instant, length time.Duration, pageSize int) *pass {
	return &pass{walk: window.New(low, high, length, pageSize)}
}

// answered notes the server's time in the first answer, the zero time where there is none.
func (ps *pass) answered(server time.Time) {
	if !ps.limited && !server.IsZero() {
		ps.limit = min(ps.limit, odata.FromTime(server.Add(clockTolerance)))
	}
	ps.limited = true
}

func (ps *pass) query(s *Settings, pageSize int) source.Query {
	part := ps.walk.Next()
	return source.Query{
		From: part.From, To: part.To, Top: pageSize, Skip: ps.round.skip, Filter: s.Filter, Parameters: s.Parameters, Plain: ps.plain,
	}
}

// saw notes a record that was read.
func (ps *pass) saw(id string, version odata.Instant) {
	ps.ledger.listed(id, version)
	ps.round.sum += xxhash.Sum64String(id) * (2*uint64(version) + 1) //nolint:gosec // a bit pattern
	if !ps.walk.Next().Contains(version) {
		ps.round.outside++
		return // changed while it was read, or the API is loose with the filter
	}
	if !ps.any {
		ps.oldest, ps.newest, ps.any = version, version, true
		return
	}
	ps.oldest, ps.newest = min(ps.oldest, version), max(ps.newest, version)
}

// whole tells whether nothing of the part was passed over or read without its expansion so far.
func (ps *pass) whole() bool { return !ps.plain && ps.round.passed == 0 }

// ended decides what a page means that was read and delivered to its end; complete says that the whole part is.
func (ps *pass) ended(page api.Page, pageSize int) (complete bool, err error) {
	part := ps.walk.Next()
	ps.round.pages++
	ps.round.records += page.Records
	ps.round.chained += page.Records
	// Links may end where there are no more records, or where there are as many as $top says.
	linked, capped := ps.round.next != "", ps.round.chained == pageSize
	switch {
	case page.NextLink != "" && !ps.bySkip && !ps.plain:
		return false, ps.follow(page, part)
	case ps.plain && !part.Single() && page.Records > 0:
		ps.cut() // what comes next may be well
		return false, nil
	case linked && !capped, !linked && page.Records < pageSize && page.NextLink == "":
		ps.lower(page.Records, pageSize)
		return ps.roundEnded(part)
	case part.Single():
		ps.round.skip += ps.round.chained
		ps.round.next, ps.round.chained = "", 0
		return false, ps.endless(part)
	case !ps.any && ps.round.outside > 0:
		return false, &pagingError{"none of a full page lies in the interval asked for: the API ignores $filter"}
	default:
		ps.cut()
		return false, nil
	}
}

// full deals with an answer that has as many records as were asked for, of an API that has no $skip: the interval is cut
// or, where that helps no more, more is asked for. The latter stays for the parts behind, whose answers begin a little
// before them.
func (ps *pass) full() error {
	part := ps.walk.Next()
	switch {
	case ps.any && !part.Single():
		ps.cut()
	case ps.raised >= maxRaised:
		return &pagingError{"reading from " + part.From.String() + ": there are always more records than were asked for"}
	default:
		ps.raised++
		ps.restart()
	}
	return nil
}

// lower asks for less again where it would have done.
func (ps *pass) lower(records, pageSize int) {
	for ; ps.raised > 0 && records < pageSize/4; pageSize /= 2 {
		ps.raised--
	}
}

func (ps *pass) follow(page api.Page, part window.Part) error {
	switch {
	case page.NextLink == ps.round.next:
		return &pagingError{"reading from " + part.From.String() + ": a nextLink points to its own page"}
	case ps.round.pages > maxLinks && !part.Single():
		ps.cut()
		return nil
	}
	ps.round.next = page.NextLink
	return ps.endless(part)
}

// roundEnded decides whether a part that was read to its end is complete. One page shows the list as it was at one
// moment. Over several pages the list may change, and a record that moves to a page already read is passed over: then
// the part is complete only when two rounds after each other read the same.
func (ps *pass) roundEnded(part window.Part) (complete bool, err error) {
	tally := ps.round.tally
	if ps.barren++; ps.round.fresh > 0 {
		ps.barren = 0
	}
	switch {
	case ps.round.pages == 1, ps.round.passed > 0, ps.last != nil && *ps.last == tally, ps.barren >= barrenRounds:
		ps.walk.Complete(tally.records)
		ps.restart()
		ps.listFails = false
		return true, nil
	case ps.last != nil && !part.Single():
		ps.cut() // it changes faster than it is read: shorter parts take fewer pages
		return false, nil
	case ps.rounds >= maxRounds:
		return false, &pagingError{"reading " + part.From.String() + ": the records of this instant change all the time"}
	}
	ps.last, ps.round = &tally, round{}
	ps.rounds++
	return false, nil
}

// passOver leaves out a record of a tick that cannot be read, and the rest of the tick where too many cannot or nothing
// can be skipped.
func (ps *pass) passOver(skips bool) {
	ps.round.skip++
	if ps.round.passed++; ps.round.passed >= maxPassed || !skips {
		ps.walk.Complete(ps.round.records)
		ps.restart()
	}
}

func (ps *pass) endless(part window.Part) error {
	if ps.round.pages < maxTickPages {
		return nil
	}
	return &pagingError{"reading from " + part.From.String() + ": the pages do not come to an end"}
}

func (ps *pass) cut() {
	ps.walk.Full(ps.oldest, ps.newest, ps.any)
	ps.restart()
}

// restart forgets what was read of the part, not what was delivered.
func (ps *pass) restart() {
	ps.round, ps.last, ps.rounds, ps.barren = round{}, nil, 0, 0
	ps.any, ps.bySkip, ps.plain = false, false, false
}
