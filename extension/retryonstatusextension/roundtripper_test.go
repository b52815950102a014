package retryonstatusextension

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/otelcol-defender/otelcol-defender/extension/retryonstatusextension/internal/metadatatest"
)

func TestARefusalIsAnErrorThatSaysWhoMustAct(t *testing.T) {
	for status, says := range map[int]string{
		http.StatusUnauthorized: "must renew the token", http.StatusForbidden: "must enable the token", http.StatusNotFound: "exporter's endpoint",
		http.StatusRequestTimeout: "nobody must act if it passes", http.StatusInternalServerError: "nobody must act if it passes",
	} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			w := newWorld(t, "", answering(status, "this is why\n"))
			_, err := w.post()
			var r *refusal
			require.ErrorAs(t, err, &r)
			assert.Equal(t, status, r.HTTPStatus())
			assert.True(t, strings.HasPrefix(r.Error(), w.url+" answered "+strconv.Itoa(status)+" "+http.StatusText(status)+" (this is why): "), r)
			assert.Contains(t, r.Error(), says)
			assert.NotContains(t, r.Error(), "secret")
			assert.NotContains(t, r.Error(), "/v1/logs")
		})
	}
}

// What is about the records, what exporters themselves wait for, and what went well.
func TestEveryOtherAnswerIsPassedOnAsItIs(t *testing.T) {
	for _, status := range []int{200, 202, 204, 304, 307, 400, 405, 413, 422, 429, 501, 502, 503, 504} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			w := newWorld(t, "", answering(status, "the text", "Retry-After", "7"))
			resp, err := w.client.Post(w.url, "text/plain", strings.NewReader("records"))
			require.NoError(t, err)
			assert.Equal(t, status, resp.StatusCode)
			assert.Equal(t, "7", resp.Header.Get("Retry-After"))
			text, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			if status != http.StatusNoContent && status != http.StatusNotModified {
				assert.Equal(t, "the text", string(text))
			}
			require.NoError(t, resp.Body.Close())
			assert.Zero(t, w.logs.Len())
		})
	}
}

func TestTheStatusesAreThoseOfTheConfiguration(t *testing.T) {
	w := newWorld(t, "statuses: [400, 418]", func(rw http.ResponseWriter, r *http.Request) {
		status, err := strconv.Atoi(strings.Trim(r.URL.Path, "/"))
		assert.NoError(t, err)
		rw.WriteHeader(status)
	})
	for status, refused := range map[int]bool{400: true, 418: true, 401: false, 500: false} {
		resp, err := w.client.Get(w.url + "/" + strconv.Itoa(status))
		if refused {
			require.ErrorContains(t, err, "must find out there what is wrong")
			continue
		}
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
	}
}

// A client follows these with a GET, and would take what a page for people answers for the delivery of the records.
func TestARedirectThatWouldLoseTheRecordsIsAnError(t *testing.T) {
	for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther} {
		w := newWorld(t, "", func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v1/logs" {
				http.Redirect(rw, r, "/sign-in", status)
			}
		})
		_, err := w.post()
		require.ErrorContains(t, err, w.url+" answered "+strconv.Itoa(status))
		require.ErrorContains(t, err, "takes no records")
		resp, err := w.client.Get(w.url + "/v1/logs")
		require.NoError(t, err, "a GET loses nothing")
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, http.StatusOK, resp.StatusCode)
	}
}

func TestARedirectThatKeepsTheRecordsIsFollowed(t *testing.T) {
	for _, status := range []int{http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		var got string
		w := newWorld(t, "", func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/there" {
				http.Redirect(rw, r, "/there", status)
				return
			}
			text, err := io.ReadAll(r.Body)
			assert.NoError(t, err)
			got = string(text)
		})
		answer, err := w.post()
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, answer)
		assert.Equal(t, "records", got)
	}
}

func TestABrokenConnectionIsNoRefusal(t *testing.T) {
	w := newWorld(t, "", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	_, err := w.post()
	require.ErrorIs(t, err, io.EOF)
	assert.NotErrorAs(t, err, new(*refusal))
	assert.Zero(t, w.logs.Len())
}

func TestRefusalsAreCounted(t *testing.T) {
	status := http.StatusUnauthorized
	w := newWorld(t, "", func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(status) })
	for _, status = range []int{401, 401, 404, 200, 503} {
		_, _ = w.post() // what it returns is the matter of other tests
	}
	point := func(status int, value int64) metricdata.DataPoint[int64] {
		return metricdata.DataPoint[int64]{Value: value, Attributes: attribute.NewSet(
			attribute.String("destination", w.url), attribute.Int("status", status),
		)}
	}
	metadatatest.AssertEqualExtensionRetryOnStatusRefused(t, w.telemetry,
		[]metricdata.DataPoint[int64]{point(401, 2), point(404, 1)}, metricdatatest.IgnoreTimestamp())
}
