package odata

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/outline"
)

type reading func(*Reader, io.Reader, func(Element) error) (Page, error)

// collect reads a page and copies its elements.
func collect(read reading, r io.Reader, limits Limits) ([]Element, Page, error) {
	var elements []Element
	page, err := read(NewReader(limits), r, func(e Element) error {
		if e.Outline != nil {
			var own outline.Outline
			if own.Read(e.Raw) != nil || own.End != len(e.Raw) || own.Depth != e.Outline.Depth || own.More != e.Outline.More || !slices.Equal(own.Members, e.Outline.Members) {
				return fmt.Errorf("another outline than that of %q", e.Raw)
			}
			e.Outline = nil
		}
		e.Raw = bytes.Clone(e.Raw)
		elements = append(elements, e)
		return nil
	})
	return elements, page, err
}

func texts(elements []Element) []string {
	var out []string
	for _, e := range elements {
		out = append(out, string(e.Raw))
	}
	return out
}

// chunkings are the ways in which the same bytes can come.
var chunkings = map[string]func(io.Reader) io.Reader{
	"whole":         func(r io.Reader) io.Reader { return r },
	"byte by byte":  iotest.OneByteReader,
	"half by half":  iotest.HalfReader,
	"data and EOF":  iotest.DataErrReader,
	"thirteen each": func(r io.Reader) io.Reader { return &fixedReader{r: r, size: 13} },
}

type fixedReader struct {
	r    io.Reader
	size int
}

func (f *fixedReader) Read(p []byte) (int, error) { return f.r.Read(p[:min(len(p), f.size)]) }

func TestPage(t *testing.T) {
	deep := strings.Repeat(`{"a":[`, 50_000) + strings.Repeat(`]}`, 50_000)
	for name, tt := range map[string]struct {
		body string
		want []string
		link string
	}{
		"empty":                  {body: `{"value":[]}`},
		"empty with space":       {body: " {\n\"value\" : [ \t] } \r\n"},
		"envelope":               {body: `{"@odata.context":"x/$metadata#Alerts","value":[{"id":"1"},{"id":"2"}]}`, want: []string{`{"id":"1"}`, `{"id":"2"}`}},
		"space is not theirs":    {body: "{\"value\":[ {\"a\" : 1}\n,\t{ } ]}", want: []string{`{"a" : 1}`, `{ }`}},
		"link before":            {body: `{"@odata.nextLink":"https://a/b?$skip=1&x=\u0026","value":[1]}`, want: []string{"1"}, link: "https://a/b?$skip=1&x=&"},
		"link after":             {body: `{"value":[1],"@odata.nextLink":"https://a"}`, want: []string{"1"}, link: "https://a"},
		"link null":              {body: `{"value":[1],"@odata.nextLink":null}`, want: []string{"1"}},
		"byte order mark":        {body: "\xef\xbb\xbf{\"value\":[1]}", want: []string{"1"}},
		"escaped names":          {body: `{"\u0076alue":[1],"@odata\u002enextLink":"l"}`, want: []string{"1"}, link: "l"},
		"a name is not a part":   {body: `{"Value":[0],"values":[0],"valu":{"value":[0]},"":0,"value":[1]}`, want: []string{"1"}},
		"a long name":            {body: `{"` + strings.Repeat("value", 1000) + `":0,"value":[1]}`, want: []string{"1"}},
		"members of any kind":    {body: `{"a":null,"b":-1.5e3,"c":"}]","d":[[],{}],"e":{"value":[]},"value":[1],"z":true}`, want: []string{"1"}},
		"elements of any kind":   {body: `{"value":[null,-1.5e3,"a,]}\"","",[1,[2]],true,{}]}`, want: []string{"null", "-1.5e3", `"a,]}\""`, `""`, "[1,[2]]", "true", "{}"}},
		"brackets of both kinds": {body: `{"value":[{"a":{},"b":[],"c":{"d":[{}]}}]}`, want: []string{`{"a":{},"b":[],"c":{"d":[{}]}}`}},
		"strings and escapes":    {body: `{"value":[{"a":"\\"},{"a":"\""},{"a":"\\\"]"},{"\\\\":"}{"}]}`, want: []string{`{"a":"\\"}`, `{"a":"\""}`, `{"a":"\\\"]"}`, `{"\\\\":"}{"}`}},
		"100,000 deep":           {body: `{"value":[` + deep + `,1]}`, want: []string{deep, "1"}},
		"faults inside":          {body: `{"value":[{"a":},{a b,,},{"id":'x'},nul]}`, want: []string{`{"a":}`, `{a b,,}`, `{"id":'x'}`, "nul"}},
		"not UTF-8":              {body: "{\"value\":[\"\xff\xfe\"]}", want: []string{"\"\xff\xfe\""}},
	} {
		t.Run(name, func(t *testing.T) {
			for chunking, chunk := range chunkings {
				got, page, err := collect((*Reader).Page, chunk(strings.NewReader(tt.body)), Limits{})
				require.NoError(t, err, chunking)
				assert.Equal(t, tt.want, texts(got), chunking)
				assert.Equal(t, Page{Records: len(tt.want), NextLink: tt.link, Bytes: int64(len(tt.body))}, page, chunking)
			}
		})
	}
}

func TestPageRefuses(t *testing.T) {
	for name, body := range map[string]string{
		"nothing":               "",
		"space":                 " \r\n",
		"a byte order mark":     "\xef\xbb\xbf",
		"half a mark":           "\xef\xbb{}",
		"HTML":                  "<!DOCTYPE html><html></html>",
		"an array":              `[{"id":1}]`,
		"null":                  "null",
		"no value":              `{"@odata.context":"x"}`,
		"nothing in it":         `{}`,
		"an error":              `{"error":{"code":"Unauthorized"}}`,
		"value null":            `{"value":null}`,
		"value an object":       `{"value":{"id":1}}`,
		"value a string":        `{"value":"[]"}`,
		"two values":            `{"value":[1],"value":[2]}`,
		"two values, one empty": `{"value":[],"\u0076alue":[]}`,
		"two links":             `{"value":[],"@odata.nextLink":"a","@odata.nextLink":"b"}`,
		"link a number":         `{"value":[],"@odata.nextLink":5}`,
		"link an object":        `{"value":[],"@odata.nextLink":{}}`,
		"link a faulty string":  `{"value":[],"@odata.nextLink":"\x"}`,
		"link too long":         `{"value":[],"@odata.nextLink":"` + strings.Repeat("a", maxNextLink) + `"}`,
		"rubbish after it":      `{"value":[]}{"value":[]}`,
		"a bracket after it":    `{"value":[]}]`,
		"a comma too many":      `{"value":[1,]}`,
		"a comma first":         `{"value":[,1]}`,
		"a comma missing":       `{"value":[{}{}]}`,
		"a colon missing":       `{"value"[]}`,
		"a member missing":      `{"value":[],}`,
		"a member's value":      `{"a":,"value":[]}`,
		"a name not a string":   `{value:[]}`,
		"a name with a fault":   `{"\x":1,"value":[]}`,
		"brackets crossed":      `{"value":[{"a":[1},{"id":2}]]}`,
		"brackets crossed back": `{"value":[{"a":[1}]},{"id":2}]}`,
		"wrong closing":         `{"value":[1}`,
	} {
		t.Run(name, func(t *testing.T) {
			for chunking, chunk := range chunkings {
				_, page, err := collect((*Reader).Page, chunk(strings.NewReader(body)), Limits{})
				var problem *PageError
				require.ErrorAs(t, err, &problem, chunking)
				assert.NotEmpty(t, problem.Problem)
				assert.LessOrEqual(t, problem.Offset, int64(len(body)))
				assert.LessOrEqual(t, page.Bytes, int64(len(body)))
			}
		})
	}
}

func TestAPageErrorSaysWhatIsWrongAndWhere(t *testing.T) {
	for body, want := range map[string]string{
		``:                          "not a page: it is empty at byte 0",
		` <html>`:                   "not a page: it is not a JSON object at byte 1",
		`{"error":{}}`:              "not a page: it has no value at byte 12",
		`{"value":null}`:            "not a page: the records are not an array at byte 9",
		`{"value":[{"id":1},{"id":`: "not a page: it ends early at byte 25",
		`{"value":[]} x`:            "not a page: it goes on after its end at byte 13",
		`{"@odata.nextLink":"` + strings.Repeat("a", maxNextLink) + `"}`: "not a page: its nextLink is too long at byte 16405",
	} {
		_, _, err := collect((*Reader).Page, strings.NewReader(body), Limits{})
		assert.EqualError(t, err, want)
	}
}

func TestEveryTruncationIsAnError(t *testing.T) {
	body := `{"@odata.context":"x","value":[{"id":"a","n":[1,{"b":"\\\""}]},2,"three"],"@odata.nextLink":"https:\/\/a"}`
	for end := range len(body) {
		_, _, err := collect((*Reader).Page, strings.NewReader(body[:end]), Limits{})
		var problem *PageError
		require.ErrorAs(t, err, &problem, "cut at %d", end)
	}
}

func TestArray(t *testing.T) {
	got, page, err := collect((*Reader).Array, strings.NewReader(` [{"FullId":"a"}, {"FullId":"b"}] `), Limits{})
	require.NoError(t, err)
	assert.Equal(t, []string{`{"FullId":"a"}`, `{"FullId":"b"}`}, texts(got))
	assert.Equal(t, 2, page.Records)
	for _, body := range []string{"", `{"value":[]}`, `[`, `[]]`, `[1`, `null`, `"[]"`} {
		_, _, err := collect((*Reader).Array, strings.NewReader(body), Limits{})
		var problem *PageError
		require.ErrorAs(t, err, &problem, body)
	}
}

func TestARecordTooLargeIsPassedOver(t *testing.T) {
	for _, size := range []int{5_000, 100_000} { // one that is read at once, and one that is not
		one := `{"id":"one","a":"` + strings.Repeat("x", size) + `"}`
		two := `{"id":"two","a":"` + strings.Repeat("y", size) + `"}`
		body := `{"value":[{"id":1},` + one + `,` + two + `,{"id":2}]}`
		for name, tt := range map[string]struct {
			limit int
			over  bool
		}{
			"below":   {limit: len(one) - 1, over: true},
			"far":     {limit: 20, over: true},
			"exactly": {limit: len(one)},
		} {
			t.Run(fmt.Sprint(name, " ", size), func(t *testing.T) {
				for chunking, chunk := range chunkings {
					got, page, err := collect((*Reader).Page, chunk(strings.NewReader(body)), Limits{MaxRecord: tt.limit})
					require.NoError(t, err, chunking)
					require.Len(t, got, 4)
					assert.Equal(t, `{"id":1}`, string(got[0].Raw))
					assert.Equal(t, `{"id":2}`, string(got[3].Raw))
					assert.Equal(t, 4, page.Records)
					for i, big := range []string{one, two} {
						assert.Equal(t, tt.over, got[1+i].Oversized)
						assert.Equal(t, int64(len(big)), got[1+i].Size)
						if tt.over {
							big = big[:headSize]
						}
						assert.Equal(t, big, string(got[1+i].Raw), chunking)
					}
				}
			})
		}
	}
}

func TestEveryObjectWithinTheLimitHasItsOutline(t *testing.T) {
	const records = 50
	for _, size := range []int{1, 3_600, 20_000, 100_000, 1 << 20} {
		record := `{"id":"` + strings.Repeat("x", size) + `"}`
		body := `{"value":[` + strings.Repeat(record+",", records-1) + record + `]}`
		for chunking, chunk := range map[string]func(io.Reader) io.Reader{
			"whole":    chunkings["whole"],
			"packets":  func(r io.Reader) io.Reader { return &fixedReader{r: r, size: 1400} },
			"TLS":      func(r io.Reader) io.Reader { return &fixedReader{r: r, size: 16 << 10} },
			"with EOF": chunkings["data and EOF"],
		} {
			outlined := 0
			_, err := NewReader(Limits{MaxRecord: len(record)}).Page(chunk(strings.NewReader(body)), func(e Element) error {
				if e.Outline != nil {
					outlined++
				}
				return nil
			})
			require.NoError(t, err)
			assert.Equal(t, records, outlined, "%d bytes, %s", size, chunking)
		}
	}
	for _, other := range []string{`[{}]`, `"{}"`, `null`, `{"a":}`, `{"a":1}`} {
		_, err := NewReader(Limits{MaxRecord: 6}).Array(strings.NewReader("["+other+"]"), func(e Element) error {
			assert.Nil(t, e.Outline, other)
			return nil
		})
		require.NoError(t, err)
	}
}

func TestARecordThatIsWholeIsEmittedThoughTheStreamBreaks(t *testing.T) {
	broken := errors.New("broken")
	first := `{"id":"` + strings.Repeat("x", 50_000) + `"}`
	for _, rest := range []string{"", ",", `,{"id":`} {
		var got []string
		r := io.MultiReader(&fixedReader{r: strings.NewReader(`{"value":[` + first + rest), size: 1000}, iotest.ErrReader(broken))
		_, err := NewReader(Limits{}).Page(r, func(e Element) error {
			got = append(got, string(e.Raw))
			return nil
		})
		require.ErrorIs(t, err, broken)
		assert.Equal(t, []string{first}, got)
	}
}

func TestErrorsOfTheReaderAndOfEmitComeThrough(t *testing.T) {
	broken := errors.New("broken")
	body := `{"value":[{"id":1},{"id":2}]}`
	for end := range len(body) + 1 {
		_, _, err := collect((*Reader).Page, io.MultiReader(strings.NewReader(body[:end]), iotest.ErrReader(broken)), Limits{})
		require.ErrorIs(t, err, broken, "after %d bytes", end)
		var problem *PageError
		require.NotErrorAs(t, err, &problem)
	}
	for _, refusal := range []error{broken, io.EOF} {
		calls := 0
		page, err := NewReader(Limits{}).Page(strings.NewReader(body), func(Element) error {
			calls++
			if calls == 2 {
				return refusal
			}
			return nil
		})
		require.ErrorIs(t, err, refusal)
		var problem *PageError
		require.NotErrorAs(t, err, &problem)
		assert.Equal(t, 1, page.Records)
	}
}

type idleReader struct{}

func (idleReader) Read([]byte) (int, error) { return 0, nil }

func TestAReaderThatGivesNothingEnds(t *testing.T) {
	_, _, err := collect((*Reader).Page, idleReader{}, Limits{})
	require.ErrorIs(t, err, io.ErrNoProgress)
}

// repeat is a long stream that is never in memory.
type repeat struct {
	head, body, tail string
	times            int
	rest             string
}

func (g *repeat) Read(p []byte) (int, error) {
	for g.rest == "" {
		switch {
		case g.head != "":
			g.rest, g.head = g.head, ""
		case g.times > 0:
			g.rest = g.body
			g.times--
		case g.tail != "":
			g.rest, g.tail = g.tail, ""
		default:
			return 0, io.EOF
		}
	}
	n := copy(p, g.rest)
	g.rest = g.rest[n:]
	return n, nil
}

func TestMemoryIsSetByOneRecord(t *testing.T) {
	for name, body := range map[string]*repeat{
		"many records":     {head: `{"value":[1`, body: `,{"id":"` + strings.Repeat("x", 4000) + `"}`, times: 20_000, tail: `]}`},
		"one huge record":  {head: `{"value":["`, body: strings.Repeat("x", 4096), times: 20_000, tail: `"]}`},
		"one deep record":  {head: `{"value":[`, body: strings.Repeat("[", 4096), times: 5_000, tail: strings.Repeat("]", 5_000*4096) + `]}`},
		"one huge member":  {head: `{"a":["`, body: strings.Repeat("x", 4096), times: 20_000, tail: `"],"value":[]}`},
		"one huge name":    {head: `{"`, body: strings.Repeat("x", 4096), times: 20_000, tail: `":0,"value":[]}`},
		"nothing but room": {head: `{"value":[`, body: strings.Repeat(" ", 4096), times: 20_000, tail: `]}`},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := NewReader(Limits{MaxRecord: 64 << 10}).Page(body, func(Element) error { return nil })
			runtime.ReadMemStats(&after)
			require.NoError(t, err)
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
		})
	}
}

func TestTheBufferShrinksBack(t *testing.T) {
	big := `"` + strings.Repeat("x", 8<<20) + `"`
	r := NewReader(Limits{})
	_, err := r.Array(&repeat{head: `[` + big, body: `,{"id":1}`, times: 50_000, tail: `]`}, func(Element) error { return nil })
	require.NoError(t, err)
	assert.Len(t, r.in.buf, chunkSize)

	_, err = r.Array(strings.NewReader("["+big[:len(big)-1]), func(Element) error { return nil })
	require.Error(t, err)
	assert.LessOrEqual(t, len(r.in.buf), keepSize)
}

func TestAReaderForgetsThePageBefore(t *testing.T) {
	r := NewReader(Limits{MaxRecord: 1 << 10})
	for _, broken := range []string{
		`{"value":[{"id":1}],"@odata.nextLink":"https://api.example/next"}`, `{"value":[{"id":"` + strings.Repeat("x", 5<<10) + `"}]}`,
		`{"value":[{"id":[`, `{"value":[{"id":"\`, `{"value":[{"id":]}`, `<html>`, ``,
	} {
		_, _ = r.Page(strings.NewReader(broken), func(Element) error { return nil })
		var got []string
		page, err := r.Page(strings.NewReader(`{"value":[{"id":2},3]}`), func(e Element) error {
			got = append(got, string(e.Raw))
			return nil
		})
		require.NoError(t, err, broken)
		assert.Equal(t, Page{Records: 2, Bytes: 22}, page, broken)
		assert.Equal(t, []string{`{"id":2}`, "3"}, got)
	}
}

// FuzzPage compares with encoding/json on valid input, and asks of any input that it end without a panic and the
// same way for every chunking.
func FuzzPage(f *testing.F) {
	for _, seed := range []string{
		`{"value":[{"id":"a\"]}","n":[1,2,{"x":null}]},null,-1.5e+3,"",[],{}],"@odata.nextLink":"https://a/\u0062"}`,
		`{"@odata.nextLink":null,"\u0076alue":[ ]}`, `{"value":[1],"value":[2]}`, `{"value":null}`, `{"value":[{"a":[1}]}]}`,
		"\xef\xbb\xbf{\"value\":[\"\\\\\"]}", `{"a":{"value":[1]},"value":[true ,false]} `, `[]`, ``, `{"value":[`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		got, page, err := collect((*Reader).Page, strings.NewReader(body), Limits{})
		again, _, againErr := collect((*Reader).Page, iotest.OneByteReader(strings.NewReader(body)), Limits{})
		assert.Equal(t, texts(got), texts(again))
		assert.Equal(t, err, againErr)
		assert.LessOrEqual(t, page.Bytes, int64(len(body)))
		want, link, ok := reference(body)
		if !ok {
			return
		}
		require.NoError(t, err)
		assert.Equal(t, link, page.NextLink)
		require.Equal(t, want, texts(got))
	})
}

// reference reads a page with encoding/json; ok only where that sees a page in the same sense.
func reference(body string) (elements []string, link string, ok bool) {
	dec := json.NewDecoder(strings.NewReader(body))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') || !json.Valid([]byte(body)) {
		return nil, "", false
	}
	members := map[string]json.RawMessage{}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, "", false
		}
		key := fmt.Sprint(name)
		if _, twice := members[key]; twice {
			return nil, "", false
		}
		var value json.RawMessage
		if dec.Decode(&value) != nil {
			return nil, "", false
		}
		members[key] = value
	}
	var value []json.RawMessage
	if json.Unmarshal(members["value"], &value) != nil || value == nil {
		return nil, "", false
	}
	if raw, present := members["@odata.nextLink"]; present && json.Unmarshal(raw, &link) != nil {
		return nil, "", false
	}
	for _, raw := range value {
		elements = append(elements, string(raw))
	}
	return elements, link, len(link) < maxNextLink/6
}
