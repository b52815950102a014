package odata

import (
	"errors"
	"fmt"
	"io"
)

const (
	chunkSize = 32 << 10
	// keepSize is the largest buffer that is kept once the record that needed it is gone.
	keepSize = 1 << 20
)

// errEnd is the end of the stream: an io.EOF that cannot be mistaken for one that emit returned.
var errEnd = errors.New("the stream is at its end")

// stream is a window on a reader: buf[pos:end] is read but not yet consumed, buf[mark:pos] is held for the caller.
// Bytes before mark are forgotten at the next fill.
type stream struct {
	r         io.Reader
	buf       []byte
	mark      int
	pos       int
	end       int
	forgotten int64 // bytes of the stream before buf[0]
	broken    error // what the reader ended with
}

// reset begins another stream, with the same buffer if it was kept.
func (s *stream) reset(r io.Reader) {
	buf := s.buf
	if buf == nil {
		buf = make([]byte, chunkSize)
	}
	*s = stream{r: r, buf: buf}
}

// release keeps at most a buffer that the next stream may need too.
func (s *stream) release() {
	s.r, s.broken = nil, nil
	if len(s.buf) > keepSize {
		s.buf = nil
	}
}

// offset is how many bytes of the stream are consumed.
func (s *stream) offset() int64 { return s.forgotten + int64(s.pos) }

// hold lets the held bytes begin here.
func (s *stream) hold() { s.mark = s.pos }

// held returns the bytes from the mark to here, valid until the next fill.
func (s *stream) held() []byte { return s.buf[s.mark:s.pos] }

// ahead returns what is read but not consumed.
func (s *stream) ahead() []byte { return s.buf[s.pos:s.end] }

// unread returns what is read but not consumed, at least one byte unless there is an error: errEnd at the end, and
// otherwise the reader's, wrapped.
func (s *stream) unread() ([]byte, error) {
	if s.pos == s.end {
		if err := s.fill(); err != nil {
			return nil, err
		}
	}
	return s.buf[s.pos:s.end], nil
}

// fill reads at least one byte more.
func (s *stream) fill() error {
	s.forget()
	for range 100 {
		if s.broken != nil {
			return s.broken
		}
		n, err := s.r.Read(s.buf[s.end:])
		s.end += n
		switch {
		case err == io.EOF:
			s.broken = errEnd
		case err != nil:
			s.broken = fmt.Errorf("reading a page at byte %d: %w", s.forgotten+int64(s.end), err)
		}
		if n > 0 {
			return nil
		}
	}
	return fmt.Errorf("reading a page at byte %d: %w", s.offset(), io.ErrNoProgress)
}

// forget makes room at the end of the buffer: it drops what lies before the mark, and doubles a buffer that is full
// of what is held.
func (s *stream) forget() {
	held := s.buf[s.mark:s.end]
	switch {
	case len(held) == len(s.buf):
		s.buf = make([]byte, 2*len(s.buf))
	case len(s.buf) > keepSize && len(held) < chunkSize/2:
		s.buf = make([]byte, chunkSize)
	case s.mark == 0:
		return
	}
	copy(s.buf, held)
	s.forgotten += int64(s.mark)
	s.pos -= s.mark
	s.end = len(held)
	s.mark = 0
}

// peek returns the next byte that is not white space without consuming it.
func (s *stream) peek() (byte, error) {
	for {
		unread, err := s.unread()
		if err != nil {
			return 0, err
		}
		for i, c := range unread {
			if !isSpace(c) {
				s.pos += i
				s.hold()
				return c, nil
			}
		}
		s.pos = s.end
		s.hold()
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }
