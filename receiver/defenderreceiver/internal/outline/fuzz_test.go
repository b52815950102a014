package outline_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/outline"
)

const space = " \t\r\n"

// FuzzRead holds Read against encoding/json in what is valid, and against jsontext in what there is.
func FuzzRead(f *testing.F) {
	samples, err := filepath.Glob("../record/testdata/*.json")
	require.NoError(f, err)
	require.NotEmpty(f, samples)
	for _, sample := range samples {
		text, err := os.ReadFile(sample)
		require.NoError(f, err)
		f.Add(text)
	}
	for _, text := range []string{
		``, ` `, `[]`, `{}`, ` {"a":[1,2.5e-3,-0,{"b":[]}],"\u0061":"\ud800\\"} `, `{"a":1},{"b":2}`, `{"a":1}}`, `{"a":tru}`, `{"a":01}`, "{\"\xff\":\"\x1f\"}",
		`{"a":` + strings.Repeat("[", outline.MaxDepth) + strings.Repeat("]", outline.MaxDepth) + `}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		var o outline.Outline
		err := o.Read(text)
		require.Equal(t, before, text)
		switch {
		case err == nil:
			require.True(t, json.Valid(text[:o.End]))
			require.Equal(t, byte('{'), bytes.TrimLeft(text, space)[0])
			require.Equal(t, byte('}'), text[o.End-1])
			same(t, text[:o.End], &o)
			for cut := 0; cut < o.End; cut += 1 + o.End/50 {
				require.ErrorIs(t, new(outline.Outline).Read(text[:cut]), outline.ErrShort)
			}
		case bytes.HasPrefix(bytes.TrimLeft(text, space), []byte("{")) && json.Valid(text):
			require.ErrorIs(t, err, outline.ErrTooDeep)
		case errors.Is(err, outline.ErrShort): // then nothing wrong has come yet
			require.NotErrorIs(t, new(outline.Outline).Read(text[:len(text)/2]), outline.ErrInvalid)
		default: // what is wrong stays wrong, whatever follows
			for _, rest := range []string{`}`, `"}`, `]}`, ` `} {
				require.ErrorIs(t, new(outline.Outline).Read(append(bytes.Clone(text), rest...)), err)
			}
		}
	})
}

// same reads the same object with jsontext, member by member and then token by token.
func same(t *testing.T, text []byte, o *outline.Outline) {
	t.Helper()
	dec := decoder(text)
	_, err := dec.ReadToken()
	require.NoError(t, err)
	for _, m := range o.Members {
		name, err := dec.ReadValue()
		require.NoError(t, err)
		require.Equal(t, string(name), string(text[m.Name.Start-1:m.Name.End+1]))
		require.EqualValues(t, dec.InputOffset(), m.Name.End+1)
		require.Equal(t, bytes.ContainsRune(name, '\\'), m.Escaped)
		value, err := dec.ReadValue()
		require.NoError(t, err)
		require.Equal(t, string(value), string(text[m.Value.Start:m.Value.End]))
		require.EqualValues(t, dec.InputOffset(), m.Value.End)
		if value.Kind() == '[' {
			var list []json.RawMessage
			require.NoError(t, json.Unmarshal(value, &list))
			require.Len(t, list, m.Elements)
		}
	}
	require.Equal(t, o.More, dec.PeekKind() == '"')
	require.Equal(t, deepest(t, text), o.Depth)
}

func deepest(t *testing.T, text []byte) int {
	t.Helper()
	dec, most := decoder(text), 0
	for {
		_, err := dec.ReadToken()
		if errors.Is(err, io.EOF) {
			return most
		}
		require.NoError(t, err)
		most = max(most, dec.StackDepth())
	}
}

func decoder(text []byte) *jsontext.Decoder {
	return jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}
