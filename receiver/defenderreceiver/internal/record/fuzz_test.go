package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
)

func seed(f *testing.F) {
	f.Helper()
	samples, err := filepath.Glob("testdata/*.json")
	require.NoError(f, err)
	for _, sample := range samples {
		raw, err := os.ReadFile(sample)
		require.NoError(f, err)
		f.Add(raw)
	}
	for _, raw := range []string{
		`{"id":"a","lastUpdateTime":"2026-11-22T13:50:04Z","n":[1,1.5,-0,1e5,true,null,{"":"\ud800"}],"id":12}`,
		"{\"id\":\"\xff\",\"\xfe\":1,\"\xff\":2,\"lastUpdateTime\":\"2026-11-22T13:50:04Z\"}", `{"id":`, `[]`, ``, `{"a":}`, `{"a":"\x"}`, `{"a"::1}`,
		`{"id":"a","lastUpdateDateTime":"2026-11-22T13:50:04Z","evidence":[{"@odata.type":"#microsoft.graph.security.userEvidence","userAccount":{"accountName":"a"}}]}`,
	} {
		f.Add([]byte(raw))
	}
}

// FuzzParse compares id, update time and map body with what encoding/json makes of the same text.
func FuzzParse(f *testing.F) {
	seed(f)
	schema := EndpointAlert()
	f.Fuzz(func(t *testing.T, raw []byte) {
		var rec Record
		err := schema.Parse(raw, &rec)
		var unusable *UnusableError
		if err != nil && !errors.As(err, &unusable) {
			t.Fatalf("an error of another type: %v", err)
		}
		object, ok := decode(raw)
		if !ok {
			require.Error(t, err)
			return
		}
		id, updated, usable := identity(object)
		if depth(object) > DefaultMaxDepth {
			usable = false
		}
		if !usable {
			require.Error(t, err)
			return
		}
		require.NoError(t, err)
		require.Equal(t, id, rec.ID)
		require.Equal(t, updated, rec.Updated)
		lrs := plog.NewLogRecordSlice()
		schema.AppendTo(lrs, &rec, Options{BodyMap: true}, Emission{})
		require.Equal(t, len(object), lrs.At(0).Body().Map().Len(), "a name comes twice")
		require.Equal(t, plain(object), any(lrs.At(0).Body().Map().AsRaw()))
	})
}

// decode reads an object with encoding/json, which takes the last member of a name as well.
func decode(raw []byte) (map[string]any, bool) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var object any
	if !json.Valid(raw) || dec.Decode(&object) != nil {
		return nil, false
	}
	m, ok := object.(map[string]any)
	return m, ok
}

func identity(object map[string]any) (id string, updated odata.Instant, ok bool) {
	switch value := object["id"].(type) {
	case string:
		id = value
	case json.Number:
		id = value.String()
	}
	text, _ := object["lastUpdateTime"].(string)
	updated, err := odata.ParseInstant(text)
	return id, updated, err == nil && id != "" && id != "null"
}

func depth(value any) int {
	most := 0
	switch value := value.(type) {
	case map[string]any:
		for _, v := range value {
			most = max(most, depth(v))
		}
	case []any:
		for _, v := range value {
			most = max(most, depth(v))
		}
	default:
		return 0
	}
	return most + 1
}

// plain turns json.Number into what the map body holds.
func plain(value any) any {
	switch value := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(value))
		for k, v := range value {
			out[k] = plain(v)
		}
		return out
	case []any:
		out := make([]any, len(value))
		for i, v := range value {
			out[i] = plain(v)
		}
		return out
	case json.Number:
		if n, err := value.Int64(); err == nil {
			return n
		}
		f, _ := strconv.ParseFloat(value.String(), 64)
		return f
	}
	return value
}

// FuzzAppendTo asks of every source that a record that was parsed can be appended, with each attribute once and the
// text as it was.
func FuzzAppendTo(f *testing.F) {
	seed(f)
	schemas := sources()
	f.Fuzz(func(t *testing.T, raw []byte) {
		for source, schema := range schemas {
			var rec Record
			_ = schema.ID(raw)
			if schema.Parse(raw, &rec) != nil {
				continue
			}
			lrs := plog.NewLogRecordSlice()
			for _, opt := range []Options{{}, {BodyMap: true, Timestamp: LastActivity}} {
				schema.AppendTo(lrs, &rec, opt, Emission{Source: source, UID: "uid", Observed: time.Unix(0, 0)})
			}
			require.Equal(t, string(raw), lrs.At(0).Body().Str())
			seen := map[string]bool{}
			for key, value := range lrs.At(0).Attributes().All() {
				require.False(t, seen[key], "%s comes twice", key)
				seen[key] = true
				require.NotEmpty(t, value.AsString(), key)
			}
			require.Equal(t, lrs.At(0).Attributes().AsRaw(), lrs.At(1).Attributes().AsRaw())
		}
	})
}
