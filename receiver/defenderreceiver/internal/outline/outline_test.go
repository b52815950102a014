package outline_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/outline"
)

// found is a member as its text.
type found struct {
	name, value string
	escaped     bool
	elements    int
}

func members(text string, o *outline.Outline) []found {
	var all []found
	for _, m := range o.Members {
		f := found{name: text[m.Name.Start:m.Name.End], value: text[m.Value.Start:m.Value.End], escaped: m.Escaped}
		if text[m.Value.Start] == '[' {
			f.elements = m.Elements
		}
		all = append(all, f)
	}
	return all
}

func TestReadFindsTheMembers(t *testing.T) {
	for name, test := range map[string]struct {
		text  string
		want  []found
		depth int
		rest  string
	}{
		"nothing in it": {text: `{}`, depth: 1},
		"white space":   {text: " {\t\r\n } ", depth: 1, rest: " "},
		"every type": {
			text: `{"a":"x","b":-1.5e+3,"c":true,"d":false,"e":null,"f":{"g":[{}]},"h":[]}`,
			want: []found{
				{name: "a", value: `"x"`},
				{name: "b", value: "-1.5e+3"},
				{name: "c", value: "true"},
				{name: "d", value: "false"},
				{name: "e", value: "null"},
				{name: "f", value: `{"g":[{}]}`},
				{name: "h", value: "[]"},
			},
			depth: 4,
		},
		"white space everywhere": {
			text:  "{ \"a\" : [ 1 , 2 ] ,\n\"b\"\t:0 }",
			want:  []found{{name: "a", value: "[ 1 , 2 ]", elements: 2}, {name: "b", value: "0"}},
			depth: 2,
		},
		"arrays in arrays": {
			text:  `{"a":[[1,2,3],[],[4]],"b":[[[]]]}`,
			want:  []found{{name: "a", value: "[[1,2,3],[],[4]]", elements: 3}, {name: "b", value: "[[[]]]", elements: 1}},
			depth: 4,
		},
		"a name twice": {
			text:  `{"a":1,"a":2}`,
			want:  []found{{name: "a", value: "1"}, {name: "a", value: "2"}},
			depth: 1,
		},
		"escapes": {
			text:  `{"\u0061\"":"\\","b":"\"}{\/\b\f\n\r\t\uD800"}`,
			want:  []found{{name: `\u0061\"`, value: `"\\"`, escaped: true}, {name: "b", value: `"\"}{\/\b\f\n\r\t\uD800"`}},
			depth: 1,
		},
		"bytes that are not UTF-8": {
			text:  "{\"a\xff\":\"\xfe\x7f\"}",
			want:  []found{{name: "a\xff", value: "\"\xfe\x7f\""}},
			depth: 1,
		},
		"strings of every length": {
			text:  `{"":"","a":"1","ab":"12","abcdefg":"1234567","abcdefgh":"12345678","abcdefghi":"123456789"}`,
			depth: 1,
			want: []found{
				{value: `""`},
				{name: "a", value: `"1"`},
				{name: "ab", value: `"12"`},
				{name: "abcdefg", value: `"1234567"`},
				{name: "abcdefgh", value: `"12345678"`},
				{name: "abcdefghi", value: `"123456789"`},
			},
		},
		"something behind it": {text: `{"a":1},{`, want: []found{{name: "a", value: "1"}}, depth: 1, rest: ",{"},
	} {
		t.Run(name, func(t *testing.T) {
			o := outline.Outline{Members: make([]outline.Member, 3), Depth: 9, End: 9} // as another text left it
			require.NoError(t, o.Read([]byte(test.text)))
			assert.Equal(t, test.want, members(test.text, &o))
			assert.Equal(t, test.depth, o.Depth)
			assert.Equal(t, test.rest, test.text[o.End:])
		})
	}
}

func TestReadRefuses(t *testing.T) {
	for _, text := range []string{
		`[]`, `"a"`, `1`, `null`, `}`, `{,}`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{"a":1 "b":2}`, `{"a"::1}`, `{a:1}`, `{'a':1}`, `{1:1}`, `{"a":1]`,
		`{"a":[1}`, `{"a":[1,]}`, `{"a":[,1]}`, `{"a":[1 2]}`, `{"a":{]}`, `{"a":01}`, `{"a":+1}`, `{"a":-}`, `{"a":.5}`, `{"a":1.}`, `{"a":1.e1}`,
		`{"a":1e}`, `{"a":1e+}`, `{"a":--1}`, `{"a":0x1}`, `{"a":NaN}`, `{"a":tru}`, `{"a":nulL}`, `{"a":falsE}`, `{"a":True}`, `{"a":"\x"}`,
		`{"a":"\u00g0"}`, "{\"a\":\"\\u00\x100\"}", `{"a":"\u00`, "{\"a\":\"\n\"}", "{\"a\":\"1234567\x1f\"}", "{\"a\":\"\x00\"}", "{\"a\x01\":1}", "{\"a\":1\x00}", "{\v}",
		"\xef\xbb\xbf{}", `{"a":1/**/}`,
	} {
		var o outline.Outline
		err := o.Read([]byte(text))
		if strings.HasSuffix(text, `\u00`) {
			require.ErrorIs(t, err, outline.ErrShort, text)
			continue
		}
		require.ErrorIs(t, err, outline.ErrInvalid, text)
		assert.Zero(t, o.End)
	}
}

func TestReadTellsABeginningFromWhatIsWrong(t *testing.T) {
	const text = ` { "a\u0061" : [ {"b" : -12.5e-1} , true,false, null ,"\\\"x" ], "longer than eight" :"123456789" }`
	for end := range len(text) {
		var o outline.Outline
		require.ErrorIs(t, o.Read([]byte(text[:end])), outline.ErrShort, text[:end])
	}
	var o outline.Outline
	require.NoError(t, o.Read([]byte(text)))
}

func TestReadGoesDownSoFar(t *testing.T) {
	nested := func(depth int) []byte {
		return []byte(`{"a":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + `}`)
	}
	var o outline.Outline
	require.NoError(t, o.Read(nested(outline.MaxDepth)))
	assert.Equal(t, outline.MaxDepth, o.Depth)
	require.ErrorIs(t, o.Read(nested(outline.MaxDepth+1)), outline.ErrTooDeep)
	require.ErrorIs(t, o.Read([]byte(strings.Repeat(`{"a":`, 1<<20))), outline.ErrTooDeep)
}

func TestReadKeepsSoManyMembers(t *testing.T) {
	many := func(n int) []byte { return []byte("{" + strings.Repeat(`"a":[1,2],`, n-1) + `"a":3}`) }
	var o outline.Outline
	require.NoError(t, o.Read(many(outline.MaxMembers)))
	assert.Len(t, o.Members, outline.MaxMembers)
	assert.False(t, o.More)
	require.NoError(t, o.Read(many(outline.MaxMembers+1)))
	assert.Len(t, o.Members, outline.MaxMembers)
	assert.True(t, o.More)
	require.NoError(t, o.Read([]byte("{}")))
	assert.False(t, o.More)
}
