package e2e_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// freePort is a port that nobody uses at the moment.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().(*net.TCPAddr).Port
}

// measured has the collector's own metrics scraped at a port.
func measured(port int) string {
	return fmt.Sprintf(`service: {telemetry: {metrics: {level: normal, readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: %d}}}}]}}}`, port)
}

// sample is one point of a scraped metric.
type sample struct {
	name   string
	labels map[string]string
	value  float64
}

// get reads a page of the collector's own.
func (s *stage) get(port int, path string) string {
	s.t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d%s", port, path))
	require.NoError(s.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusOK, res.StatusCode, path)
	return string(body)
}

var (
	point = regexp.MustCompile(`^(otelcol_(?:receiver_defender|extension|exporter|elasticsearch)_\w+)(?:\{(.*)\})? (\S+)`)
	label = regexp.MustCompile(`(\w+)="([^"]*)"`)
)

// scrape reads the metrics of both components and of exporters.
func (s *stage) scrape(port int) (samples []sample) {
	s.t.Helper()
	for text := range strings.Lines(s.get(port, "/metrics")) {
		match := point.FindStringSubmatch(text)
		if len(match) == 0 {
			continue
		}
		one := sample{name: match[1], labels: map[string]string{}}
		for _, pair := range label.FindAllStringSubmatch(match[2], -1) {
			one.labels[pair[1]] = pair[2]
		}
		_, err := fmt.Sscan(match[3], &one.value)
		require.NoError(s.t, err)
		samples = append(samples, one)
	}
	return samples
}

// sum adds up the points of a metric that have these labels.
func sum(samples []sample, name string, labels map[string]string) (total float64) {
	for _, one := range samples {
		matches := one.name == name
		for key, want := range labels {
			matches = matches && one.labels[key] == want
		}
		if matches {
			total += one.value
		}
	}
	return total
}
