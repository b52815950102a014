package record

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSplice(t *testing.T) {
	none := Splice([]byte(`{"id":"1"}`), "alerts", nil)
	assert.JSONEq(t, `{"id":"1","alerts":[]}`, string(none))
	elements := [][]byte{[]byte(`{"id":"a"}`), []byte(`{ "id" : "b" }`)}
	tests := map[string]struct{ raw, want string }{
		"absent":              {`{"id":"1"}`, `{"id":"1","alerts":[{"id":"a"},{ "id" : "b" }]}`},
		"absent, with spaces": {"{ \"id\" : \"1\" \n}", "{ \"id\" : \"1\" \n,\"alerts\":[{\"id\":\"a\"},{ \"id\" : \"b\" }]}"},
		"empty":               {`{"id":"1","alerts":[],"x":"}"}`, `{"id":"1","alerts":[{"id":"a"},{ "id" : "b" }],"x":"}"}`},
		"null":                {`{"alerts":null,"id":"1"}`, `{"alerts":[{"id":"a"},{ "id" : "b" }],"id":"1"}`},
		"of the same name":    {`{"id":"1","x":{"alerts":1},"y":"\"alerts\":"}`, `{"id":"1","x":{"alerts":1},"y":"\"alerts\":","alerts":[{"id":"a"},{ "id" : "b" }]}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := Splice([]byte(tt.raw), "alerts", elements)
			assert.Equal(t, tt.want, string(got))
			assert.True(t, json.Valid(got))
		})
	}
}

func TestSpliceable(t *testing.T) {
	nested := func(depth int) []byte {
		return []byte(strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth))
	}
	assert.True(t, GraphIncident().Spliceable(nested(DefaultMaxDepth-2)))
	assert.False(t, GraphIncident().Spliceable(nested(DefaultMaxDepth-1)), "in a record it would be too deep")
	for _, raw := range []string{``, `[]`, `"x"`, `null`, `{"a":}`, `{"a":1`} {
		assert.False(t, GraphIncident().Spliceable([]byte(raw)), raw)
	}
}

// FuzzSplice: whatever record and element can be used, the record with the element in it can be used as well, and has
// nothing else changed.
func FuzzSplice(f *testing.F) {
	seed(f)
	schema := GraphIncident()
	f.Fuzz(func(t *testing.T, raw []byte) {
		var rec Record
		if schema.Parse(raw, &rec) != nil {
			return
		}
		element := []byte(`{"id":"x"}`)
		if GraphIncident().Spliceable(raw) {
			element = raw
		}
		got := Splice(raw, "alerts", [][]byte{element, element})
		var spliced Record
		require.NoError(t, schema.Parse(got, &spliced))
		require.Equal(t, rec.ID, spliced.ID)
		require.Equal(t, rec.Updated, spliced.Updated)
		before, ok := decode(raw)
		require.True(t, ok)
		after, ok := decode(got)
		require.True(t, ok)
		one, ok := decode(element)
		require.True(t, ok)
		before["alerts"] = []any{any(one), any(one)}
		require.Equal(t, before, after)
	})
}
