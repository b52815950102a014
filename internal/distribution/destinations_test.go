package distribution_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const destinations = "docs/destinations"

// A query that asks for an attribute which no record has finds nothing, and says nothing.
func TestQueriesAskForAttributesThatThereAre(t *testing.T) {
	attribute := regexp.MustCompile(`\b(?:microsoft\.defender|azure\.tenant|log\.record)\.[a-z_.]*[a-z_]\b`)
	block := regexp.MustCompile("(?s)\n *```\\w+\n(.*?)\n *```")
	documented := read(t, "receiver/defenderreceiver/README.md")
	asked := 0
	for _, file := range files(t, destinations, ".md") {
		for _, code := range block.FindAllStringSubmatch(read(t, file), -1) {
			for _, name := range attribute.FindAllString(code[1], -1) {
				asked++
				assert.Contains(t, documented, "`"+name+"`", "%s of %s", name, file)
			}
		}
	}
	assert.Greater(t, asked, 30)
}

func TestJSONOfDestinationsIsJSON(t *testing.T) {
	block := regexp.MustCompile("(?s)\n *```json\n(.*?)\n *```")
	for _, file := range files(t, destinations, ".md") {
		for _, code := range block.FindAllStringSubmatch(read(t, file), -1) {
			assert.True(t, json.Valid([]byte(code[1])), "%s\n%s", file, code[1])
		}
	}
}

// Each page is in the table, and each configuration that the table names is there.
func TestDestinationsAreListed(t *testing.T) {
	overview := read(t, destinations+"/README.md")
	for _, file := range files(t, destinations, ".md") {
		name := strings.TrimPrefix(file, destinations+"/")
		if name != "README.md" {
			assert.Contains(t, overview, "]("+name+")")
		}
	}
	there := files(t, "testdata/configs", ".yaml")
	configurations := regexp.MustCompile(`\(\.\./\.\./(testdata/configs/[\w-]+\.yaml)\)`).FindAllStringSubmatch(overview, -1)
	require.NotEmpty(t, configurations)
	for _, found := range configurations {
		assert.Contains(t, there, found[1])
	}
}
