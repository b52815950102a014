package checkpoint

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
)

// formatVersion is the version of both values below. Text only: some stores keep values in text columns.
const formatVersion = 1

const (
	entrySize = 16
	// maxSegments bounds what a corrupt head can make the store read.
	maxSegments = 64 * 1024
	// maxNext is more segments than any state ever comes to, and leaves room to count on.
	maxNext = 1 << 31
)

// head is the value that names the segments. It is written with them, after them.
type head struct {
	Version int           `json:"v"`
	Began   odata.Instant `json:"began"`
	Cursor  odata.Instant `json:"cursor"`
	First   uint32        `json:"first"` // the oldest segment
	Next    uint32        `json:"next"`  // one more than the newest
	New     bool          `json:"new,omitempty"`
	// Floor and Forgotten are there once deliveries were dropped: of which update times, and when the last one was made.
	Floor     odata.Instant `json:"floor,omitzero"`
	Forgotten odata.Instant `json:"forgotten,omitzero"`
}

type storedSegment struct {
	Version int           `json:"v"`
	Last    odata.Instant `json:"last"`
	Entries string        `json:"entries"` // base64 of id hash and version, 8 bytes each, big endian
}

// UnreadableError says that a stored value is not what this version of the program writes.
type UnreadableError struct {
	Key string
	Err error
}

func (e *UnreadableError) Error() string {
	return fmt.Sprintf("reading stored state %s: %v", e.Key, e.Err)
}
func (e *UnreadableError) Unwrap() error { return e.Err }

var errVersion = errors.New("written by another version of the program")

func (s *State) encodeHead() ([]byte, error) {
	h := head{
		Version: formatVersion, Began: s.Began, Cursor: s.Cursor, First: s.nextSeq, Next: s.nextSeq, New: s.isNew,
		Floor: s.floor, Forgotten: s.forgotten,
	}
	if len(s.segments) > 0 {
		h.First = s.segments[0].seq
	}
	return json.Marshal(h)
}

func decodeHead(value []byte) (*State, head, error) {
	var h head
	if err := json.Unmarshal(value, &h); err != nil {
		return nil, head{}, err
	}
	if h.Version != formatVersion {
		return nil, head{}, fmt.Errorf("format %d: %w", h.Version, errVersion)
	}
	if h.First > h.Next || h.Next-h.First > maxSegments || h.Next > maxNext || h.Began == 0 || h.Cursor < h.Began {
		return nil, head{}, fmt.Errorf("segments %d to %d, began %s, cursor %s: contradictory", h.First, h.Next, h.Began, h.Cursor)
	}
	s := NewState(h.Began)
	s.Cursor, s.nextSeq, s.isNew, s.changed, s.stored = h.Cursor, h.Next, h.New, false, true
	s.floor, s.forgotten = h.Floor, h.Forgotten
	return s, h, nil
}

func (g *segment) encode() ([]byte, error) {
	raw := make([]byte, 0, len(g.entries)*entrySize)
	for _, e := range g.entries {
		raw = binary.BigEndian.AppendUint64(raw, e.id)
		raw = binary.BigEndian.AppendUint64(raw, uint64(e.version)) //nolint:gosec // a bit pattern
	}
	return json.Marshal(storedSegment{
		Version: formatVersion, Last: g.last, Entries: base64.StdEncoding.EncodeToString(raw),
	})
}

func decodeSegment(seq uint32, value []byte) (*segment, error) {
	var stored storedSegment
	if err := json.Unmarshal(value, &stored); err != nil {
		return nil, err
	}
	if stored.Version != formatVersion {
		return nil, fmt.Errorf("format %d: %w", stored.Version, errVersion)
	}
	raw, err := base64.StdEncoding.DecodeString(stored.Entries)
	if err != nil {
		return nil, err
	}
	if len(raw)%entrySize != 0 {
		return nil, fmt.Errorf("%d bytes of entries: not a multiple of %d", len(raw), entrySize)
	}
	g := &segment{seq: seq, last: stored.Last, entries: make([]entry, 0, len(raw)/entrySize)}
	for ; len(raw) > 0; raw = raw[entrySize:] {
		version := odata.Instant(binary.BigEndian.Uint64(raw[8:])) //nolint:gosec // a bit pattern
		g.entries = append(g.entries, entry{binary.BigEndian.Uint64(raw), version})
	}
	return g, nil
}

// adopt adds a stored segment, oldest first.
func (s *State) adopt(g *segment) {
	g.start, g.links = s.table.count, make([]link, len(g.entries))
	s.segments = append(s.segments, g)
	s.table.count += uint32(len(g.entries)) //nolint:gosec // memory ends long before
	if slotsFor(s.table.count) > len(s.table.slots) {
		s.reindex()
		return
	}
	for number := g.start; number < s.table.count; number++ {
		s.put(number)
	}
}
