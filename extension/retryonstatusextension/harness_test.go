package retryonstatusextension

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-defender/otelcol-defender/extension/retryonstatusextension/internal/metadata"
	"github.com/otelcol-defender/otelcol-defender/extension/retryonstatusextension/internal/metadatatest"
)

// world is the extension between a destination and an exporter's HTTP client.
type world struct {
	t         *testing.T
	telemetry *componenttest.Telemetry
	logs      *observer.ObservedLogs
	ext       *retryExtension
	url       string
	client    *http.Client
}

// newWorld starts the extension with a configuration, and a destination that answers as it is told.
func newWorld(t *testing.T, config string, destination http.HandlerFunc) *world {
	t.Helper()
	core, logs := observer.New(zapcore.DebugLevel)
	w := &world{t: t, telemetry: componenttest.NewTelemetry(), logs: logs}
	set := metadatatest.NewSettings(w.telemetry)
	set.Logger = zap.New(core)
	ext, err := NewFactory().Create(t.Context(), set, load(t, config))
	require.NoError(t, err)
	w.ext = ext.(*retryExtension)
	require.NoError(t, ext.Start(t.Context(), componenttest.NewNopHost()))
	server := httptest.NewServer(destination)
	w.url = server.URL
	w.client = w.newClient("middlewares: [{id: retry_on_status}]")
	ctx := context.WithoutCancel(t.Context()) // which ends before the cleanup
	t.Cleanup(func() {
		server.Close()
		require.NoError(t, ext.Shutdown(ctx))
		require.NoError(t, w.telemetry.Shutdown(ctx))
	})
	return w
}

// newClient is the HTTP client of an exporter whose configuration has this text.
func (w *world) newClient(text string) *http.Client {
	w.t.Helper()
	cfg := confighttp.NewDefaultClientConfig()
	require.NoError(w.t, parse(w.t, text).Unmarshal(&cfg))
	extensions := map[component.ID]component.Component{component.NewID(metadata.Type): w.ext}
	client, err := cfg.ToClient(w.t.Context(), extensions, componenttest.NewNopTelemetrySettings())
	require.NoError(w.t, err)
	w.t.Cleanup(client.CloseIdleConnections)
	return client
}

// post sends something as an exporter does, and returns the status of what it takes for the answer.
func (w *world) post() (int, error) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.url+"/v1/logs?key=a-secret-in-the-query", strings.NewReader("records"))
	require.NoError(w.t, err)
	req.Header.Set("Authorization", "Bearer a-secret-token")
	req.Header.Set("Content-Type", "application/x-protobuf")
	resp, err := w.client.Do(req)
	if err != nil {
		return 0, err
	}
	require.NoError(w.t, resp.Body.Close())
	return resp.StatusCode, nil
}

// answering is a destination that always answers the same.
func answering(status int, text string, header ...string) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			rw.Header().Set(header[i], header[i+1])
		}
		rw.WriteHeader(status)
		_, _ = rw.Write([]byte(text)) // the client may have what it wants
	}
}

func parse(t *testing.T, text string) *confmap.Conf {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	conf, err := confmaptest.LoadConf(path)
	require.NoError(t, err)
	return conf
}

func tryLoad(t *testing.T, text string) (*Config, error) {
	t.Helper()
	cfg := NewFactory().CreateDefaultConfig().(*Config)
	if err := parse(t, text).Unmarshal(cfg); err != nil {
		return cfg, err
	}
	return cfg, confmap.Validate(cfg)
}

func load(t *testing.T, text string) *Config {
	t.Helper()
	cfg, err := tryLoad(t, text)
	require.NoError(t, err)
	return cfg
}
