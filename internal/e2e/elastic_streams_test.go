package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// newElasticStageOf has the sources of a configuration.
func newElasticStageOf(t *testing.T, configuration string) *stage {
	t.Helper()
	if configuration == "elastic.yaml" {
		return newDestinationStage(t, world.EndpointAlerts, world.GraphAlerts)
	}
	return newElasticStage(t)
}

// elasticStreams are the data streams of a customer's alerts, before the namespace.
var elasticStreams = map[string]string{
	"elastic.yaml":              "logs-defender.alerts.otel-",
	"elastic-integrations.yaml": "logs-m365_defender.alert-",
}

// Whatever a customer's row has as namespace, its alerts arrive in a data stream, and their documents name the same one:
// with another, Elasticsearch would refuse them.
func TestEveryCustomerHasANamespaceInElastic(t *testing.T) {
	t.Parallel()
	for configuration, stream := range elasticStreams {
		for _, pair := range [][2][2]string{
			// the attributes of a row, and the namespace
			{{"{}", "default"}, {"{data_stream.namespace: Fabrikam}", "fabrikam"}},
			{{"{data_stream.namespace: Contoso Ltd}", "contoso_ltd"}, {"{data_stream.namespace: 17}", "17"}},
			{{`{data_stream.namespace: '\/*?"<>| ,#:é'}`, strings.Repeat("_", 12) + "é"}, {"{data_stream.namespace: emea-North}", "emea-north"}},
			{{"{data_stream.namespace: ''}", "default"}, {"{data_stream.namespace: " + strings.Repeat("N", 120) + "}", strings.Repeat("n", 100)}},
			{{"{data_stream.dataset: other, data_stream.namespace: contoso}", "contoso"}, {"{data_stream.dataset: 5}", "default"}},
		} {
			t.Run(configuration+" "+pair[0][1]+" "+pair[1][1], func(t *testing.T) {
				t.Parallel()
				s := newElasticStageOf(t, configuration)
				s.generate(3, time.Hour)
				e := s.withElastic()
				c := s.startConfiguration(configuration, fmt.Sprintf(`extensions: {entra_auth: {tenants: [{id: %s, name: contoso, attributes: %s}, {id: %s, name: fabrikam, attributes: %s}]}}`,
					s.tenants[0].id, pair[0][0], s.tenants[1].id, pair[1][0]))
				s.eventually("documents of each", func() bool { return len(e.in(stream+pair[0][1])) > 0 && len(e.in(stream+pair[1][1])) > 0 })
				s.polled(1, s.tenants...)
				c.terminate()
				assert.Empty(t, c.logged("", line{"level": "error"}))
				assert.Empty(t, c.logged("failed to", nil))
			})
		}
	}
}

// rightsIn are the patterns of data streams in what a configuration says that it needs.
func rightsIn(t *testing.T, configuration string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "configs", configuration))
	require.NoError(t, err)
	head, _, _ := strings.Cut(string(text), "\n\n")
	patterns := regexp.MustCompile(`logs-[a-z0-9_.]+[*]`).FindAllString(head, -1)
	require.NotEmpty(t, patterns)
	return patterns
}

// The API key that a configuration and its page ask for is enough, as is the one with ECS laid over it.
func TestTheRightsThatAreAskedForAreEnoughForElastic(t *testing.T) {
	t.Parallel()
	ecs := mapping{name: "ecs"}
	for name, tt := range map[string]struct {
		configuration, stream string
		over                  []string
	}{
		"OpenTelemetry": {configuration: "elastic.yaml", stream: "logs-defender.alerts.otel-"},
		"ECS": {
			configuration: "elastic.yaml", stream: "logs-defender.alerts-",
			over: []string{ecs.overlay(t)[0], `service: {pipelines: {logs: {processors: [transform, transform/ecs]}}}`},
		},
		"integrations": {configuration: "elastic-integrations.yaml", stream: "logs-m365_defender.alert-"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newElasticStageOf(t, tt.configuration)
			s.generate(3, time.Hour)
			e := s.withElastic()
			rights := rightsIn(t, tt.configuration)
			e.permitting(rights...)
			c := s.startConfiguration(tt.configuration, tt.over...)
			s.eventually("documents of each", func() bool { return len(e.in(tt.stream+"contoso")) > 0 && len(e.in(tt.stream+"fabrikam")) > 0 })
			s.polled(1, s.tenants...)
			c.terminate()
			for _, pattern := range rights {
				assert.Contains(t, page(t, "elastic.md"), "`"+pattern+"`")
			}
		})
	}
}
