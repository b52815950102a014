package api

import (
	"compress/gzip"
	"context"
	"io"
	"strings"
	"time"
)

// Gzip compresses the answer where the client accepts it.
func Gzip() Fault {
	return Fault{Name: "gzip", send: func(e *exchange, out io.Writer) (io.Writer, func() error) {
		if !strings.Contains(e.r.Header.Get("Accept-Encoding"), "gzip") {
			return out, nil
		}
		e.w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(out)
		return z, z.Close
	}}
}

// Drip sends n bytes at a time with a pause before each.
func Drip(n int, pause time.Duration) Fault {
	return Fault{Name: "drip", send: func(e *exchange, out io.Writer) (io.Writer, func() error) {
		return &dripping{ctx: e.r.Context(), out: out, flush: e.w.flush, n: n, pause: pause}, nil
	}}
}

type dripping struct {
	ctx   context.Context
	out   io.Writer
	flush func()
	n     int
	pause time.Duration
}

func (d *dripping) Write(b []byte) (int, error) {
	for sent := 0; sent < len(b); {
		timer := time.NewTimer(d.pause)
		select {
		case <-timer.C:
		case <-d.ctx.Done():
			timer.Stop()
			return sent, d.ctx.Err()
		}
		n, err := d.out.Write(b[sent:min(len(b), sent+d.n)])
		sent += n
		if err != nil {
			return sent, err
		}
		d.flush()
	}
	return len(b), nil
}
