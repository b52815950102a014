package terminal

import (
	"fmt"
	"strings"
	"sync"
)

const barWidth = 30

// Progress is a bar that shows how much of a work is done, where someone is looking. Safe for concurrent use.
type Progress struct {
	out   Output
	total int
	unit  string

	mu    sync.Mutex
	done  int
	shown string
}

// NewProgress returns a bar for so many units, such as checks.
func NewProgress(out Output, total int, unit string) *Progress {
	p := &Progress{out: out, total: total, unit: unit}
	p.show()
	return p
}

// Step says that one more is done.
func (p *Progress) Step() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	p.show()
}

// End takes the bar away.
func (p *Progress) End() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown != "" {
		_, _ = fmt.Fprint(p.out, "\r\x1b[K")
		p.shown = ""
	}
}

func (p *Progress) show() {
	if !p.out.Terminal || p.total == 0 {
		return
	}
	filled := barWidth * p.done / p.total
	text := fmt.Sprintf("[%s%s] %d of %d %s", strings.Repeat("#", filled), strings.Repeat(".", barWidth-filled), p.done, p.total, p.unit)
	if text != p.shown {
		_, _ = fmt.Fprint(p.out, "\r\x1b[K"+text)
		p.shown = text
	}
}
