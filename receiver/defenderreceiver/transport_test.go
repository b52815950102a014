package defenderreceiver

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/metadata"
)

// Over HTTP/2 an answer that is read slowly would fill the memory: an API that speaks it is asked over HTTP/1.1 all the same.
func TestAnswersComeOverHTTP1(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	for name, c := range map[string]struct {
		configure func(*Config)
		want      string
	}{
		"by default":             {func(*Config) {}, "HTTP/1.1"},
		"with insecure set":      {func(cfg *Config) { cfg.HTTP.TLS.Insecure = true }, "HTTP/1.1"},
		"whatever its times are": {func(cfg *Config) { cfg.HTTP.HTTP2ReadIdleTimeout = time.Minute }, "HTTP/1.1"},
		"unless it is ordered":   {func(cfg *Config) { cfg.HTTP.ForceAttemptHTTP2 = true }, "HTTP/2.0"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := createDefaultConfig().(*Config) //nolint:forcetypeassert // our own
			cfg.HTTP.TLS.InsecureSkipVerify = true
			c.configure(cfg)
			r, err := newReceiver(cfg, receivertest.NewNopSettings(metadata.Type), nil)
			require.NoError(t, err)
			client, err := r.httpClient(t.Context(), componenttest.NewNopHost())
			require.NoError(t, err)
			defer client.CloseIdleConnections()
			resp, err := client.Get(server.URL)
			require.NoError(t, err)
			defer resp.Body.Close()
			proto, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			assert.Equal(t, c.want, string(proto))
		})
	}
}
