package poll

import (
	"bytes"
	"cmp"
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
	cappedLinks bool // which end when there were as many records as $top says
	serverPage  int
	latency     time.Duration // that a request takes
	dateOff     time.Duration // how wrong the header Date is
	faults      []fault       // of the next requests
	poison      map[string]poison
	source      string // the key of the source that is polled
	exclusive   bool   // an API without OData leaves out what lies on a bound
	elements    elementsOf
	requests    int
	// instead answers requests in place of the API, where it has an answer.
	instead func(*http.Request) *http.Response
	outage  outage
}

// elementsOf is how an API lists the alerts of one incident.
type elementsOf int

const (
	oneByOne elementsOf = iota
	notFound
	ignoringTop
	ignoringBoth
	ignoringSkip
)

// outage makes requests fail that come after some others.
type outage struct {
	after, length int
	fault         fault // serverError if it is none
}

// poison is what an alert does to the answers that it is in.
type poison int

const (
	failsExpanded poison = iota + 1 // in a list with $expand
	failsByItself                   // there, and when it is asked for by its id
	failsInPart                     // there, and one of its elements
	turnsBad                        // by itself it is something else
	failsAlways                     // in every list too
)

// elements is how many alerts every incident has.
const elements = 3

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
		poison: map[string]poison{}, source: "endpoint_alerts",
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
	if w.requests > w.outage.after && w.requests <= w.outage.after+w.outage.length {
		return cmp.Or(w.outage.fault, serverError)
	}
	if len(w.faults) == 0 {
		return noFault
	}
	f := w.faults[0]
	w.faults = w.faults[1:]
	return f
}

// answer is an HTTP answer.
func (w *world) answer(req *http.Request) (*http.Response, error) {
	w.now = w.now.Add(w.latency)
	w.requests++
	if w.instead != nil {
		if other := w.instead(req); other != nil {
			return other, nil
		}
	}
	if w.elements == notFound && strings.HasSuffix(req.URL.Path, "/alerts") && strings.Contains(req.URL.Path, "incidents/") {
		return &http.Response{StatusCode: http.StatusNotFound, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
	}
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
		body = w.double(body)
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(bytes.NewReader(body)), Request: req}, nil
}

// double repeats the page's first record.
func (w *world) double(body []byte) []byte {
	first := bytes.IndexByte(body, '}')
	start := len(`{"value":[`)
	switch w.source {
	case "siem_alerts":
		start = len("[")
	case "graph_incidents":
		return body // its end is not the first brace
	}
	if first < start {
		return body
	}
	return slices.Concat(body[:first+1], []byte(","), body[start:])
}

var filterPattern = regexp.MustCompile(`^lastUpdate(?:Date)?Time ge (\S+) and lastUpdate(?:Date)?Time le (\S+)$`)

var errPoison = errors.New("an alert that cannot be rendered")

var singlePattern = regexp.MustCompile(`^(?:/api/alerts|/v1.0/security/incidents)/([^/]+)(/alerts)?$`)

// body is one record, one of its elements, or a list.
func (w *world) body(u *url.URL) ([]byte, error) {
	single := singlePattern.FindStringSubmatch(u.Path)
	if single == nil {
		return w.page(u)
	}
	v, fails := w.visible()[single[1]], w.poison[single[1]]
	switch {
	case v.id == "":
		return []byte("gone"), nil
	case single[2] != "":
		return w.element(u, v)
	case fails == turnsBad:
		return []byte(`{"id":"another","lastUpdateTime":"2026-03-01T12:00:00Z"}`), nil
	case fails >= failsByItself:
		return nil, errPoison
	}
	return w.text(v, true), nil
}

// element is the page with one alert of an incident.
func (w *world) element(u *url.URL, v version) ([]byte, error) {
	n, _ := strconv.Atoi(u.Query().Get("$skip"))
	switch {
	case w.elements == ignoringSkip:
		n = 0
	case w.elements == ignoringTop && n == 0, w.elements == ignoringBoth:
		return fmt.Appendf(nil, `{"value":[{"id":"%s/0"},{"id":"%s/1"},{"id":"%s/2"}]}`, v.id, v.id, v.id), nil
	case n >= elements:
		return []byte(`{"value":[]}`), nil
	case n == 1 && w.poison[v.id] == failsInPart:
		return nil, errPoison
	}
	return fmt.Appendf(nil, `{"value":[{"id":%q}]}`, fmt.Sprint(v.id, "/", n)), nil
}

func (w *world) text(v version, whole bool) []byte {
	created := w.alerts[v.id].created
	switch w.source {
	case "siem_alerts":
		return fmt.Appendf(nil, `{"FullId":%q,"AlertId":%q,"AlertTime":%q,"LastProcessedTimeUtc":%q}`, v.id, v.id, created, v.updated)
	case "graph_incidents":
		text := fmt.Sprintf(`{"id":%q,"createdDateTime":%q,"lastUpdateDateTime":%q`, v.id, created, v.updated)
		if whole {
			text += fmt.Sprintf(`,"alerts":[{"id":"%s/0"},{"id":"%s/1"},{"id":"%s/2"}]`, v.id, v.id, v.id)
		}
		return []byte(text + "}")
	default:
		return fmt.Appendf(nil, `{"id":%q,"alertCreationTime":%q,"lastUpdateTime":%q}`, v.id, created, v.updated)
	}
}

// page lists what the query asks for.
func (w *world) page(u *url.URL) ([]byte, error) {
	if w.source == "siem_alerts" {
		return w.array(u.Query())
	}
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
		if skip+size < len(list) && (!w.cappedLinks || top > size) {
			q := u.Query()
			if w.cappedLinks {
				q.Set("$top", strconv.Itoa(top-size))
			}
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
		b.Write(w.text(v, u.Query().Has("$expand")))
	}
	b.WriteString("]" + next + "}")
	return b.Bytes(), nil
}

// array lists the most recent of the interval, as an API does that knows no pages.
func (w *world) array(q url.Values) ([]byte, error) {
	from, err := odata.ParseInstant(q.Get("sinceTimeUtc"))
	if err != nil {
		return nil, err
	}
	to, err := odata.ParseInstant(q.Get("untilTimeUtc"))
	if err != nil {
		return nil, err
	}
	limit, err := strconv.Atoi(q.Get("limit"))
	if err != nil {
		return nil, err
	}
	if w.exclusive {
		from, to = from+1, to-1
	}
	var list []version
	for _, v := range w.visible() {
		if from <= v.updated && v.updated <= to {
			list = append(list, v)
		}
	}
	slices.SortFunc(list, func(a, b version) int {
		return cmp.Or(cmp.Compare(b.updated, a.updated), strings.Compare(a.id, b.id))
	})
	list = list[:min(limit, len(list))]
	if w.oldestFirst {
		slices.Reverse(list)
	}
	var texts [][]byte
	for _, v := range list {
		if w.poison[v.id] == failsAlways {
			return nil, errPoison
		}
		texts = append(texts, w.text(v, true))
	}
	return slices.Concat([]byte("["), bytes.Join(texts, []byte(",")), []byte("]")), nil
}

// unreadable tells whether nothing can bring a version. Where there is no $skip, a record that cannot be read takes those
// with it that lie before it on its tick, a tick or two behind, or, as a single tick is asked for with the next one, the
// tick before.
func (w *world) unreadable(v version) bool {
	if w.poison[v.id] == failsAlways {
		return true
	}
	for id, other := range w.visible() {
		if w.source == "siem_alerts" && w.poison[id] == failsAlways && other.updated-1 <= v.updated && v.updated <= other.updated+3 {
			return true
		}
	}
	return false
}
