package api

import (
	"io"
	"math/rand/v2"
	"net/http"
	"slices"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// Fault is one thing that goes wrong with a request, or one way in which the API behaves otherwise than by default.
type Fault struct {
	// Name shows in the log of requests.
	Name string

	// ask changes how the list behaves; answer gives a whole other answer; page changes a page before it is written;
	// send changes how its bytes travel, with an optional end after the last one.
	ask    func(*question)
	answer func(*Server, *exchange)
	page   func(*Server, *exchange, *page)
	send   func(*exchange, io.Writer) (io.Writer, func() error)
}

// Lenient accepts query options that are not documented, and ignores them.
func Lenient() Fault {
	return Fault{Name: "lenient", ask: func(q *question) { q.lenient = true }}
}

// IgnoreFilter serves every alert whatever the filter says.
func IgnoreFilter() Fault {
	return Fault{Name: "ignore filter", ask: func(q *question) { q.ignoreFilter = true }}
}

// ServerPages serves at most n records at a time with a nextLink to the rest, also to a request with $top.
func ServerPages(n int) Fault {
	return Fault{Name: "server pages", ask: func(q *question) { q.serverPage = n }}
}

// NextLinks gives a nextLink after every full page, also to a request with $top, which then is the size of the pages.
func NextLinks() Fault {
	return Fault{Name: "next links", ask: func(q *question) { q.links = true }}
}

// OldestFirst lists the oldest update first.
func OldestFirst() Fault {
	return Fault{Name: "oldest first", ask: func(q *question) {
		q.arrange = func(newestFirst []*world.Version) { slices.Reverse(newestFirst) }
	}}
}

// Shuffled lists in an arbitrary order that depends on the seed and the length of the list.
func Shuffled(seed uint64) Fault {
	return Fault{Name: "shuffled", ask: func(q *question) {
		q.arrange = func(all []*world.Version) {
			random := rand.New(rand.NewPCG(seed, uint64(len(all))))
			random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		}
	}}
}

// onPage is a fault of a page.
func onPage(name string, change func(*page)) Fault {
	return Fault{Name: name, page: func(_ *Server, _ *exchange, p *page) { change(p) }}
}

// Truncated ends the answer properly, but in the middle of its last record.
func Truncated() Fault { return onPage("truncated", func(p *page) { p.cut = true }) }

// BrokenOff closes the connection in the middle of the last record.
func BrokenOff() Fault {
	return onPage("broken off", func(p *page) { p.cut, p.hangUp = true, true })
}

// NullValue answers {"value":null}.
func NullValue() Fault {
	return onPage("null value", func(p *page) { p.noRecords, p.value = true, `,"value":null` })
}

// NoValue answers without the member value.
func NoValue() Fault { return onPage("no value", func(p *page) { p.noRecords = true }) }

// ForeignNextLink puts a nextLink to another origin on the page.
func ForeignNextLink(link string) Fault {
	return onPage("foreign next link", func(p *page) { p.nextLink = link })
}

// ContentType names another type than JSON, though JSON it is.
func ContentType(name string) Fault {
	return onPage("content type", func(p *page) { p.contentType = name })
}

// ExpansionFails answers 504 where one of these records would be on the page with what $expand adds to it.
func ExpansionFails(ids ...string) Fault {
	return onPage("expansion fails", func(p *page) {
		if p.form.Expanded && p.holds(ids) {
			p.status = http.StatusGatewayTimeout
		}
	})
}

// ListedExpansionFails does so for a list alone; the record by itself can be read.
func ListedExpansionFails(ids ...string) Fault {
	return onPage("listed expansion fails", func(p *page) {
		if p.form.Expanded && !p.single && p.holds(ids) {
			p.status = http.StatusGatewayTimeout
		}
	})
}

// Unreadable answers 504 where one of these records would be on the page.
func Unreadable(ids ...string) Fault {
	return onPage("unreadable", func(p *page) {
		if p.holds(ids) {
			p.status = http.StatusGatewayTimeout
		}
	})
}

func (p *page) holds(ids []string) bool {
	return slices.ContainsFunc(p.versions, func(v *world.Version) bool { return slices.Contains(ids, v.ID) })
}

// ExclusiveBounds leaves out what lies exactly on a bound that the SIEM API is asked for.
func ExclusiveBounds() Fault {
	return Fault{Name: "exclusive bounds", ask: func(q *question) { q.exclusive = true }}
}

// Insert puts texts among the records of the page.
func Insert(texts ...string) Fault {
	return onPage("inserted records", func(p *page) { p.inserted = append(p.inserted, texts...) })
}
