package retryonstatusextension

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
)

func TestConfiguration(t *testing.T) {
	assert.Equal(t, []int{401, 403, 404, 408, 500}, load(t, "").Statuses)
	assert.Equal(t, []int{400, 599}, load(t, "statuses: [400, 599]").Statuses, "the list replaces the default")
}

func TestWhatCannotWorkIsRefusedInOneSentence(t *testing.T) {
	for _, statuses := range []string{"[]", "[399]", "[600]", "[401, 200]", "[-1]", "[429]", "[401, 503]"} {
		_, err := tryLoad(t, "statuses: "+statuses)
		require.ErrorIs(t, err, errStatuses, statuses)
		assert.Equal(t, 1, strings.Count(err.Error(), "statuses must"), statuses)
	}
	for _, text := range []string{"statuses: [unauthorized]", "status: [401]"} {
		_, err := tryLoad(t, text)
		require.Error(t, err, text)
	}
}

func TestReadmeHasEveryKey(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for field := range reflect.TypeFor[Config]().Fields() {
		assert.Contains(t, string(readme), "\n| `"+field.Tag.Get("mapstructure")+"` |")
	}
	assert.Contains(t, string(readme), "`[401, 403, 404, 408, 500]`", "the default")
}

// TestReadmeExamples holds every YAML example of the README against the configuration.
func TestReadmeExamples(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	t.Setenv("OTLP_ENDPOINT", "https://otlp.example")
	t.Setenv("OTLP_TOKEN", "x")
	examples := strings.Split(string(readme), "```yaml\n")[1:]
	require.NotEmpty(t, examples)
	for _, example := range examples {
		text, _, closed := strings.Cut(example, "```")
		require.True(t, closed)
		conf := parse(t, text)
		require.True(t, conf.IsSet("extensions::retry_on_status"), text)
		sub, err := conf.Sub("extensions::retry_on_status")
		require.NoError(t, err)
		cfg := NewFactory().CreateDefaultConfig()
		require.NoError(t, sub.Unmarshal(cfg))
		require.NoError(t, confmap.Validate(cfg))
	}
}
