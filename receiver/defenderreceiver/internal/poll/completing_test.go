package poll

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
)

// answered is an answer that the world would not give.
func answered(req *http.Request, status int, body string, header http.Header) *http.Response {
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(bytes.NewReader([]byte(body))), Request: req}
}

// TestAnOlderVersionByItselfDoesNotStandIn: a replica that lags must not make the listed version pass for delivered.
func TestAnOlderVersionByItselfDoesNotStandIn(t *testing.T) {
	r := thirtyOf(t, "graph_incidents")
	r.finish(t)
	older := string(r.world.text(r.world.visible()["da17"], true))
	r.world.now = r.world.now.Add(time.Minute)
	newer := odata.FromTime(r.world.now)
	r.world.put("da17", newer, 0)
	r.world.now = r.world.now.Add(time.Second)
	r.world.poison["da17"] = failsExpanded
	r.world.instead = func(req *http.Request) *http.Response {
		if strings.HasSuffix(req.URL.Path, "incidents/da17") {
			return answered(req, http.StatusOK, older, nil)
		}
		return nil
	}
	r.finish(t)
	require.Len(t, r.sink, 31)
	assert.Equal(t, version{"da17", newer}, r.sink[30].version)
	assert.EqualValues(t, elements, r.sink[30].alerts, "they were read one by one")
}

// TestARecordThatAnswersOddlyHoldsNothingUp: the lists are well, so the record is to blame, and the rest flows.
func TestARecordThatAnswersOddlyHoldsNothingUp(t *testing.T) {
	tests := map[string]func(req *http.Request) *http.Response{
		"a redirect": func(req *http.Request) *http.Response {
			return answered(req, http.StatusFound, "", http.Header{"Location": {"/login"}})
		},
		"another nextLink": func(req *http.Request) *http.Response {
			return answered(req, http.StatusOK, `{"value":[{"id":"a0"}],"@odata.nextLink":"https://graph.example/x"}`, nil)
		},
		"unauthorized": func(req *http.Request) *http.Response { return answered(req, http.StatusUnauthorized, "", nil) },
		"forbidden":    func(req *http.Request) *http.Response { return answered(req, http.StatusForbidden, "", nil) },
	}
	for name, answer := range tests {
		t.Run(name, func(t *testing.T) {
			r := thirtyOf(t, "graph_incidents")
			r.world.poison["da17"] = failsByItself
			r.world.instead = func(req *http.Request) *http.Response {
				if strings.Contains(req.URL.Path, "incidents/da17") {
					return answer(req)
				}
				return nil
			}
			r.finish(t)
			assert.Len(t, r.sink, 30)
		})
	}
}

// TestAlertsThatAreLeftOutAreSaid has APIs that do not show all alerts of an incident.
func TestAlertsThatAreLeftOutAreSaid(t *testing.T) {
	tests := map[string]struct {
		last   int // element that the API shows
		alerts int64
	}{
		"more than are read":              {1_500, maxElements},
		"the first one again and again":   {0, 1},
		"shifted by those that join them": {-1, elements},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			core, logs := observer.New(zapcore.WarnLevel)
			settings := componenttest.NewNopTelemetrySettings()
			settings.Logger = zap.New(core)
			r := thirtyOf(t, "graph_incidents", settings)
			r.world.poison["da17"] = failsByItself
			asked := 0
			r.world.instead = func(req *http.Request) *http.Response {
				if !strings.HasSuffix(req.URL.Path, "da17/alerts") {
					return nil
				}
				var n int
				_, _ = fmt.Sscan(req.URL.Query().Get("$skip"), &n)
				switch asked++; {
				case tt.last < 0 && asked > 1:
					n-- // one has joined at the front
				case tt.last >= 0:
					n = min(n, tt.last)
				}
				if n >= elements && tt.last < 0 {
					return answered(req, http.StatusOK, `{"value":[]}`, nil)
				}
				return answered(req, http.StatusOK, fmt.Sprintf(`{"value":[{"id":"a%d"}]}`, n), nil)
			}
			r.finish(t)
			for _, e := range r.sink {
				if e.id == "da17" {
					assert.Equal(t, tt.alerts, e.alerts)
				}
			}
			said := logs.FilterMessageSnippet("is delivered without some of").Len()
			assert.Equal(t, tt.last >= 0, said == 1, "%d lines", said)
		})
	}
}

// TestAStopWhileAPageIsCompletedRepeatsNothing ends the process between any two turns.
func TestAStopWhileAPageIsCompletedRepeatsNothing(t *testing.T) {
	for turns, done := 1, false; !done; turns++ {
		r := thirtyOf(t, "graph_incidents")
		r.page, r.poller.settings.PageSize = 50, 50
		at := odata.FromTime(r.world.now.Add(-10500 * time.Millisecond))
		for i := range 6 {
			id := fmt.Sprint("together", i)
			r.world.put(id, at, 0)
			r.world.poison[id] = failsByItself
		}
		for i := 0; i < turns && !done; i++ {
			done = r.poller.Turn(context.Background()).Complete
		}
		require.NoError(t, r.reboot())
		r.finish(t)
		times := map[version]int{}
		for _, e := range r.sink {
			times[e.version]++
			require.Equal(t, 1, times[e.version], "%v after a stop behind turn %d", e.version, turns)
		}
		require.Len(t, times, 36)
	}
}
