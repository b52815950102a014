package main

import (
	"bytes"
	"io"
)

// screen shows the lines of alerts and leaves out the debug exporter's headings. It ends the demo after enough of them.
type screen struct {
	out    io.Writer
	rest   []byte // a line that has not ended yet
	seen   int
	want   int
	enough func()
}

func (s *screen) Write(b []byte) (int, error) {
	s.rest = append(s.rest, b...)
	for {
		line, rest, ok := bytes.Cut(s.rest, []byte("\n"))
		if !ok {
			return len(b), nil
		}
		s.rest = rest
		if err := s.line(bytes.TrimSpace(line)); err != nil {
			return 0, err
		}
	}
}

func (s *screen) line(line []byte) error {
	if len(line) == 0 || isHeading(line) {
		return nil
	}
	s.seen++
	if s.seen == s.want {
		s.enough()
	}
	_, err := s.out.Write(append(line, '\n'))
	return err
}

// isHeading tells whether the debug exporter wrote the line about a batch, a resource or a scope.
func isHeading(line []byte) bool {
	for _, start := range []string{"Logs\t", "ResourceLog #", "ScopeLog #"} {
		if bytes.HasPrefix(line, []byte(start)) {
			return true
		}
	}
	return false
}
