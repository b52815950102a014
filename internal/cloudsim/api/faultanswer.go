package api

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// Status answers an error with the body of the API.
func Status(code int) Fault {
	return Fault{Name: fmt.Sprint("status ", code), answer: func(s *Server, e *exchange) {
		s.refuse(e, code, http.StatusText(code))
	}}
}

// Refusal answers an error with a code of its own, such as 403 DisabledFeature.
func Refusal(status int, code, message string) Fault {
	return Fault{Name: code, answer: func(s *Server, e *exchange) {
		e.surface.refuse(s, e, status, code, message)
	}}
}

// Throttled answers 429 with a Retry-After of seconds or a date, or without the header if it is empty.
func Throttled(retryAfter string) Fault {
	return Fault{Name: "throttled", answer: func(s *Server, e *exchange) { s.throttle(e, retryAfter) }}
}

// HTML answers 200 with a page of a proxy.
func HTML() Fault {
	return Fault{Name: "html", answer: func(_ *Server, e *exchange) {
		e.w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = e.w.Write([]byte("<!DOCTYPE html><html><body><h1>Sign in to continue</h1></body></html>"))
	}}
}

// Body answers 200 with any text.
func Body(text string) Fault {
	return Fault{Name: "body", answer: func(_ *Server, e *exchange) {
		e.w.Header().Set("Content-Type", contentType)
		_, _ = e.w.Write([]byte(text))
	}}
}

// Redirect answers 307 to another address.
func Redirect(location string) Fault {
	return Fault{Name: "redirect", answer: func(_ *Server, e *exchange) {
		e.w.Header().Set("Location", location)
		e.w.WriteHeader(http.StatusTemporaryRedirect)
	}}
}

// Hang answers nothing until the client leaves.
func Hang() Fault {
	return Fault{Name: "hang", answer: func(_ *Server, e *exchange) { <-e.r.Context().Done() }}
}

// Reset closes the connection without an answer.
func Reset() Fault {
	return Fault{Name: "reset", answer: func(_ *Server, e *exchange) {
		connection, _, err := http.NewResponseController(e.w.ResponseWriter).Hijack()
		if err != nil {
			panic(http.ErrAbortHandler) // HTTP/2: resets the stream
		}
		resetConnection(connection)
	}}
}

// resetConnection closes a TCP connection, below TLS if there is any, with a reset instead of an end.
func resetConnection(connection net.Conn) {
	if wrapped, ok := connection.(interface{ NetConn() net.Conn }); ok {
		connection = wrapped.NetConn()
	}
	if tcp, ok := connection.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // where it fails the close below must do
	}
	_ = connection.Close()
}

// Huge streams a page of at least size bytes in records of about recordSize bytes each, made as they are sent.
func Huge(size, recordSize int64) Fault {
	return Fault{Name: "huge", answer: func(s *Server, e *exchange) {
		e.w.Header().Set("Content-Type", contentType)
		w := bufio.NewWriterSize(e.w, 256<<10)
		begin, end := `{"value":[`, `]}`
		if e.surface.array {
			begin, end = "[", "]"
		}
		_, _ = w.WriteString(begin)
		now := world.TimeText(s.world.Now().Truncate(world.Tick))
		for i, sent := 0, int64(0); sent < size; i++ {
			if i > 0 {
				_ = w.WriteByte(',')
			}
			if writeHugeRecord(w, e, i, now, recordSize) != nil {
				return // the client has left
			}
			sent += recordSize
		}
		_, _ = w.WriteString(end)
		_ = w.Flush()
	}}
}

func writeHugeRecord(w *bufio.Writer, e *exchange, i int, now string, size int64) error {
	_, err := fmt.Fprintf(w, `{%q:"huge-%d",%q:%q,%q:%q,"severity":"Low","title":"Huge","description":"`,
		e.surface.id, i, e.surface.updated, now, e.surface.tenant, e.tenant)
	filler := strings.Repeat("x", 64<<10)
	for left := size; left > 0 && err == nil; left -= int64(len(filler)) {
		_, err = w.WriteString(filler[:min(left, int64(len(filler)))])
	}
	if err != nil {
		return err
	}
	_, err = w.WriteString(`"}`)
	return err
}

// Delay waits before the answer that would have been given.
func Delay(d time.Duration) Fault {
	return Fault{Name: "delay", page: func(_ *Server, e *exchange, _ *page) {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-e.r.Context().Done():
		}
	}}
}
