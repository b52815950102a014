package checkpoint

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
)

// recoded is what a restart makes of a state.
func recoded(t *testing.T, s *State) *State {
	t.Helper()
	value, err := s.encodeHead()
	require.NoError(t, err)
	out, h, err := decodeHead(value)
	require.NoError(t, err)
	for i, g := range s.segments {
		value, err := g.encode()
		require.NoError(t, err)
		decoded, err := decodeSegment(h.First+uint32(i), value)
		require.NoError(t, err)
		require.Equal(t, g.entries, decoded.entries)
		require.Equal(t, g.last, decoded.last)
		out.adopt(decoded)
	}
	require.Equal(t, h.Next, s.nextSeq)
	require.Equal(t, s.New(), out.New())
	if len(s.segments) > 0 {
		require.Equal(t, s.segments[0].seq, h.First)
	}
	return out
}

const goodHead = `{"v":1,"began":"2026-03-01T12:00:00Z","cursor":"2026-03-01T13:00:00.1234567Z","first":3,"next":5}`

func TestTheStoredFormIsFixed(t *testing.T) {
	s, h, err := decodeHead([]byte(goodHead))
	require.NoError(t, err)
	assert.Equal(t, epoch, s.Began)
	assert.Equal(t, "2026-03-01T13:00:00.1234567Z", s.Cursor.String(), "to the tick")
	assert.False(t, s.New())
	assert.Equal(t, []uint32{3, 5}, []uint32{h.First, h.Next})

	g := &segment{last: epoch, entries: []entry{{1, epoch}, {1 << 63, -1}}}
	value, err := g.encode()
	require.NoError(t, err)
	assert.JSONEq(t, `{"v":1,"last":"2026-03-01T12:00:00Z","entries":"AAAAAAAAAAEAPveUGNagAIAAAAAAAAAA//////////8="}`, string(value))
}

func TestAHeadThatCannotBeUsed(t *testing.T) {
	for name, value := range map[string]string{
		"cut":                  goodHead[:40],
		"not JSON":             "\x00\x01\x02",
		"an array":             "[]",
		"null":                 "null",
		"another version":      strings.Replace(goodHead, `"v":1`, `"v":2`, 1),
		"no version":           strings.Replace(goodHead, `"v":1`, `"w":1`, 1),
		"no cursor":            strings.Replace(goodHead, "cursor", "course", 1),
		"a bad cursor":         strings.Replace(goodHead, "2026-03-01T13", "2026-03-01 13", 1),
		"a bad start":          strings.Replace(goodHead, "2026-03-01T12", "today", 1),
		"cursor before start":  strings.Replace(goodHead, "2026-03-01T13", "2025-03-01T13", 1),
		"segments backward":    strings.Replace(goodHead, `"first":3`, `"first":6`, 1),
		"too many segments":    strings.Replace(goodHead, `"next":5`, `"next":70000`, 1),
		"at the end of uint32": `{"v":1,"began":"2026-03-01T12:00:00Z","cursor":"2026-03-01T13:00:00Z","first":4294967200,"next":4294967295}`,
		"beyond uint32":        strings.Replace(goodHead, `"next":5`, `"next":4294967296`, 1),
		"negative":             strings.Replace(goodHead, `"first":3`, `"first":-3`, 1),
		"a bad memory":         strings.Replace(goodHead, `"v":1`, `"v":1,"forgotten":"x"`, 1),
	} {
		_, _, err := decodeHead([]byte(value))
		require.Error(t, err, name)
	}
	_, _, err := decodeHead([]byte(strings.Replace(goodHead, `"v":1`, `"v":2`, 1)))
	assert.ErrorIs(t, err, errVersion)
}

func TestASegmentThatCannotBeUsed(t *testing.T) {
	stored := func(v int, last string, raw []byte) string {
		return fmt.Sprintf(`{"v":%d,"last":%q,"entries":%q}`, v, last, base64.StdEncoding.EncodeToString(raw))
	}
	const last = "2026-03-01T12:00:00Z"
	_, err := decodeSegment(0, []byte(stored(1, last, make([]byte, 32))))
	require.NoError(t, err)
	for name, value := range map[string]string{
		"absent":          "",
		"cut":             stored(1, last, make([]byte, 32))[:50],
		"another version": stored(2, last, nil),
		"no time":         stored(1, "", nil),
		"half an entry":   stored(1, last, make([]byte, 24)),
		"no base64":       `{"v":1,"last":"` + last + `","entries":"*"}`,
	} {
		_, err := decodeSegment(0, []byte(value))
		require.Error(t, err, name)
	}
}

func TestAnUnreadableErrorNamesTheKeyAndTheCause(t *testing.T) {
	err := fmt.Errorf("x: %w", &UnreadableError{Key: "v1/a/b", Err: errVersion})
	require.ErrorIs(t, err, errVersion)
	assert.ErrorContains(t, err, "v1/a/b")
}

func FuzzDecodeHead(f *testing.F) {
	f.Add([]byte(goodHead))
	f.Add([]byte(`{"v":1,"began":"0001-01-01T00:00:00Z","cursor":"9999-12-31T23:59:59.9999999Z","new":true,"forgotten":"2026-01-01T00:00:00Z"}`))
	f.Add([]byte(`{"v":1,"began":"2026-03-01T12:00:00+23:59","cursor":"2026-03-01T12:00:00","first":4294967295,"next":4294967295}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		s, h, err := decodeHead(value)
		if err != nil {
			require.Nil(t, s)
			return
		}
		require.LessOrEqual(t, s.Began, s.Cursor)
		require.LessOrEqual(t, h.First, h.Next)
		require.LessOrEqual(t, h.Next-h.First, uint32(maxSegments))
		require.Greater(t, h.Next+batchSize, h.Next, "counting on must not overflow")
		require.False(t, s.changed)
		again, err := s.encodeHead()
		require.NoError(t, err)
		back, _, err := decodeHead(again)
		require.NoError(t, err)
		require.Equal(t, s, back)
	})
}

func FuzzDecodeSegment(f *testing.F) {
	good, err := (&segment{last: epoch, entries: []entry{{1, epoch}, {2, odata.Instant(-1)}}}).encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint32(0), good)
	f.Add(uint32(7), []byte(`{"v":1,"last":"2026-03-01T12:00:00Z","entries":""}`))
	f.Add(uint32(7), []byte(`{"v":1,"last":"2026-03-01T12:00:00Z","entries":"AAAA"}`))
	f.Fuzz(func(t *testing.T, seq uint32, value []byte) {
		g, err := decodeSegment(seq, value)
		if err != nil {
			require.Nil(t, g)
			return
		}
		require.Equal(t, seq, g.seq)
		require.LessOrEqual(t, len(g.entries)*entrySize, len(value))
		again, err := g.encode()
		require.NoError(t, err)
		back, err := decodeSegment(seq, again)
		require.NoError(t, err)
		require.Equal(t, g, back)
		s := NewState(epoch)
		s.adopt(g)
		for _, e := range g.entries {
			versions := slices.Collect(s.versions(e.id))
			require.Contains(t, versions, e.version)
			require.Equal(t, slices.Max(versions), s.LatestOf(e.id))
		}
	})
}
