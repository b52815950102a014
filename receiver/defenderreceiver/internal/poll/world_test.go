package poll

import (
	"bytes"
	"errors"
	"fmt"
	"io"
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
	now    time.Time
	alerts map[string]*alert

	oldestFirst bool
	nextLinks   bool // answers pages of serverPage with nextLinks
	serverPage  int
	latency     time.Duration // that a request takes
	dateOff     time.Duration // how wrong the header Date is
	faults      []fault       // of the next requests
	poison      map[string]poison
}

// poison is what an alert does to the answers that it is in.
type poison int

const (
	failsExpanded poison = iota + 1 // in a list with $expand
	failsByItself                   // there, and when it is asked for by its id
	failsAlways                     // in every list too
)

type version struct {
	id      string
	updated odata.Instant
}

type alert struct {
	created odata.Instant
	updated odata.Instant
	shows   time.Time // when the version becomes visible
	before  *alert    // what is shown until then, nil where there was nothing
}

func newWorld() *world {
	return &world{
		now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), alerts: map[string]*alert{}, latency: 150 * time.Millisecond,
		poison: map[string]poison{},
	}
}

// put makes or updates an alert at a tick, visible after a delay.
func (w *world) put(id string, at odata.Instant, delay time.Duration) {
	a := &alert{created: at, updated: at, shows: at.Time().Add(delay)}
	if old := w.alerts[id]; old != nil {
		a.created = old.created
		for old != nil && old.shows.After(w.now) {
			old = old.before // overwritten before anybody saw it
		}
		a.before = old
		if old != nil {
			a.before = &alert{created: old.created, updated: old.updated, shows: old.shows}
		}
	}
	w.alerts[id] = a
}

// visible lists the versions that the API shows now.
func (w *world) visible() map[string]version {
	shown := map[string]version{}
	for id, a := range w.alerts {
		for a != nil && a.shows.After(w.now) {
			a = a.before
		}
		if a != nil {
			shown[id] = version{id, a.updated}
		}
	}
	return shown
}

// fault is a way in which a request goes wrong.
type fault int

const (
	noFault fault = iota
	throttled
	serverError
	cutOff
	html
	nullValue
	unauthorizedFault
	reset
	doubled // a record stands on the page twice
	faultKinds
)

var errReset = errors.New("connection reset by peer")

func (w *world) nextFault() fault {
	if len(w.faults) == 0 {
		return noFault
	}
	f := w.faults[0]
	w.faults = w.faults[1:]
	return f
}

// answer is an HTTP answer to GET /api/alerts.
func (w *world) answer(req *http.Request) (*http.Response, error) {
	w.now = w.now.Add(w.latency)
	body, err := w.body(req.URL)
	if errors.Is(err, errPoison) {
		return &http.Response{StatusCode: http.StatusGatewayTimeout, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
	}
	if err != nil {
		return nil, err
	}
	status, header := http.StatusOK, http.Header{"Date": {w.now.Add(w.dateOff).UTC().Format(http.TimeFormat)}}
	switch w.nextFault() {
	case throttled:
		header.Set("Retry-After", "7")
		status, body = http.StatusTooManyRequests, []byte(`{"error":{"code":"TooManyRequests"}}`)
	case serverError:
		status, body = http.StatusInternalServerError, nil
	case cutOff:
		body = body[:len(body)*2/3]
	case html:
		body = []byte("<html>proxy</html>")
	case nullValue:
		body = []byte(`{"value":null}`)
	case unauthorizedFault:
		status, body = http.StatusUnauthorized, nil
	case reset:
		return nil, errReset
	case doubled:
		body = double(body)
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(bytes.NewReader(body)), Request: req}, nil
}

// double repeats the page's first record.
func double(body []byte) []byte {
	first := bytes.IndexByte(body, '}')
	start := len(`{"value":[`)
	if first < start {
		return body
	}
	return slices.Concat(body[:first+1], []byte(","), body[start:])
}

var filterPattern = regexp.MustCompile(`^lastUpdateTime ge (\S+) and lastUpdateTime le (\S+)$`)

var errPoison = errors.New("an alert that cannot be rendered")

// body is one alert or a list.
func (w *world) body(u *url.URL) ([]byte, error) {
	id, single := strings.CutPrefix(u.Path, "/api/alerts/")
	if !single {
		return w.page(u)
	}
	if w.poison[id] >= failsByItself {
		return nil, errPoison
	}
	return w.text(w.visible()[id]), nil
}

func (w *world) text(v version) []byte {
	return fmt.Appendf(nil, `{"id":%q,"alertCreationTime":%q,"lastUpdateTime":%q}`, v.id, w.alerts[v.id].created, v.updated)
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
	var list []version
	for _, v := range w.visible() {
		if from <= v.updated && v.updated <= to {
			list = append(list, v)
		}
	}
	w.sort(list)
	return w.render(u, list, top, skip)
}

func (w *world) sort(list []version) {
	slices.SortFunc(list, func(a, b version) int {
		switch {
		case w.nextLinks, a.updated == b.updated: // a skip token fixes the order
			return strings.Compare(a.id, b.id)
		case a.updated > b.updated:
			return -1
		default:
			return 1
		}
	})
	if w.oldestFirst {
		slices.Reverse(list)
	}
}

func (w *world) render(u *url.URL, list []version, top, skip int) ([]byte, error) {
	size, next := top, ""
	if w.nextLinks {
		size = min(top, w.serverPage)
		if skip+size < len(list) {
			q := u.Query()
			q.Set("$skip", strconv.Itoa(skip+size))
			next = fmt.Sprintf(`,"@odata.nextLink":%q`, u.Scheme+"://"+u.Host+u.Path+"?"+q.Encode())
		}
	}
	var b bytes.Buffer
	b.WriteString(`{"value":[`)
	for i, v := range list[min(skip, len(list)):min(skip+size, len(list))] {
		if i > 0 {
			b.WriteByte(',')
		}
		if w.poison[v.id] == failsAlways || (w.poison[v.id] > 0 && u.Query().Has("$expand")) {
			return nil, errPoison
		}
		b.Write(w.text(v))
	}
	b.WriteString("]" + next + "}")
	return b.Bytes(), nil
}
