package poll

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
)

// world is the other side: alerts that are made, updated, delayed and deleted, and an API that lists them in any way
// that is documented. It has a clock of its own and no sockets.
type world struct {
	rand   *rand.Rand
	now    time.Time
	alerts map[string]*alert
	// every version that the API has ever been able to show, with the time from which it could.
	visible map[version]time.Time

	oldestFirst bool
	nextLinks   bool // answers pages of serverPage with nextLinks
	serverPage  int
	faults      float64 // how often a request fails, in one of many ways
	delay       func() time.Duration
	served      int // requests
}

type version struct {
	id      string
	updated odata.Instant
}

type alert struct {
	created odata.Instant
	updated odata.Instant
	shows   time.Time // when the version becomes visible
	// before is the version that is shown until then, nil where there was none.
	before *alert
}

func newWorld(seed uint64) *world {
	return &world{
		rand: rand.New(rand.NewPCG(seed, 1)), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
		alerts: map[string]*alert{}, visible: map[version]time.Time{}, serverPage: 7,
		delay: func() time.Duration { return 0 },
	}
}

// put makes or updates an alert at a tick.
func (w *world) put(id string, at odata.Instant) {
	old := w.alerts[id]
	a := &alert{created: at, updated: at, shows: at.Time().Add(w.delay())}
	if old != nil {
		a.created = old.created
		if !old.shows.After(w.now) {
			a.before = old
		}
	}
	w.alerts[id] = a
	// A version that is overwritten before it shows is never seen by anybody.
	delete(w.visible, version{id, 0})
	w.visible[version{id, at}] = a.shows
	if old != nil && old.shows.After(w.now) {
		delete(w.visible, version{id, old.updated})
	}
}

// current lists what the API shows now.
func (w *world) current() map[string]*alert {
	shown := map[string]*alert{}
	for id, a := range w.alerts {
		for a != nil && a.shows.After(w.now) {
			a = a.before
		}
		if a != nil {
			shown[id] = a
		}
	}
	return shown
}

var filterPattern = regexp.MustCompile(`^lastUpdateTime ge (\S+) and lastUpdateTime le (\S+)$`)

// RoundTrip answers GET /api/alerts.
func (w *world) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	w.served++
	w.now = w.now.Add(time.Duration(w.rand.IntN(300)) * time.Millisecond)
	body, err := w.page(req.URL)
	if err != nil {
		return nil, err
	}
	status, header := http.StatusOK, http.Header{}
	if w.rand.Float64() < w.faults {
		status, body, err = w.fault(body, header)
	}
	if err != nil {
		return nil, err
	}
	header.Set("Date", w.now.UTC().Format(http.TimeFormat))
	return &http.Response{
		StatusCode: status, Header: header, Body: io.NopCloser(bytes.NewReader(body)), Request: req,
	}, nil
}

var errReset = errors.New("connection reset by peer")

func (w *world) fault(body []byte, header http.Header) (int, []byte, error) {
	switch w.rand.IntN(7) {
	case 0:
		header.Set("Retry-After", "7")
		return http.StatusTooManyRequests, []byte(`{"error":{"code":"TooManyRequests"}}`), nil
	case 1:
		return http.StatusInternalServerError, nil, nil
	case 2:
		return http.StatusOK, body[:w.rand.IntN(len(body))], nil
	case 3:
		return http.StatusOK, []byte("<html>proxy</html>"), nil
	case 4:
		return http.StatusOK, []byte(`{"value":null}`), nil
	case 5:
		return http.StatusUnauthorized, nil, nil
	default:
		return 0, nil, errReset
	}
}

// page lists what the query asks for.
func (w *world) page(u *url.URL) ([]byte, error) {
	q := u.Query()
	bounds := filterPattern.FindStringSubmatch(q.Get("$filter"))
	if bounds == nil {
		return nil, fmt.Errorf("filter %q", q.Get("$filter"))
	}
	from, err := odata.ParseInstant(bounds[1])
	if err != nil {
		return nil, err
	}
	to, err := odata.ParseInstant(bounds[2])
	if err != nil {
		return nil, err
	}
	top, _ := strconv.Atoi(q.Get("$top"))
	skip, _ := strconv.Atoi(q.Get("$skip"))
	shown := w.current()
	var ids []string
	for id, a := range shown {
		if from <= a.updated && a.updated <= to {
			ids = append(ids, id)
		}
	}
	w.order(ids, shown)
	return w.render(u, ids, shown, top, skip), nil
}

func (w *world) order(ids []string, shown map[string]*alert) {
	slices.SortFunc(ids, func(a, b string) int {
		if d := shown[b].updated - shown[a].updated; d != 0 {
			return int(max(-1, min(1, d)))
		}
		return strings.Compare(a, b)
	})
	if w.oldestFirst {
		slices.Reverse(ids)
	}
}

func (w *world) render(u *url.URL, ids []string, shown map[string]*alert, top, skip int) []byte {
	size, next := top, ""
	if w.nextLinks {
		// A skip token fixes the order: a page follows the ones before it.
		slices.Sort(ids)
		size = min(top, w.serverPage)
		if skip+size < len(ids) {
			q := u.Query()
			q.Set("$skip", strconv.Itoa(skip+size))
			next = fmt.Sprintf(`,"@odata.nextLink":%q`, u.Scheme+"://"+u.Host+u.Path+"?"+q.Encode())
		}
	}
	var b bytes.Buffer
	b.WriteString(`{"value":[`)
	for i, id := range ids[min(skip, len(ids)):min(skip+size, len(ids))] {
		if i > 0 {
			b.WriteByte(',')
		}
		a := shown[id]
		fmt.Fprintf(&b, `{"id":%q,"alertCreationTime":%q,"lastUpdateTime":%q}`, id, a.created, a.updated)
	}
	b.WriteString("]" + next + "}")
	return b.Bytes()
}
