package terminal

import (
	"strings"
	"unicode/utf8"
)

const gap = "  "

// Columns are lines of cells that stand below each other. The first line is the heading.
type Columns struct {
	// Max bounds the columns of each cell, 0 for none; the rest of a longer one is cut off.
	Max   []int
	lines []line
}

type line struct {
	cells  []string
	styles []Style
}

// Add adds a line. Styles belong to the cells at the same place.
func (c *Columns) Add(cells []string, styles ...Style) {
	cut := make([]string, len(cells))
	for i, cell := range cells {
		cut[i] = cell
		if i < len(c.Max) && c.Max[i] > 0 {
			cut[i] = Cut(cell, c.Max[i])
		}
	}
	c.lines = append(c.lines, line{cut, styles})
}

// Lines returns the lines as they are printed, each after indent.
func (c *Columns) Lines(out Output, indent string) []string {
	widths := c.widths()
	lines := make([]string, len(c.lines))
	for i, l := range c.lines {
		var b strings.Builder
		b.WriteString(indent)
		for j, cell := range l.cells {
			style := Plain
			if j < len(l.styles) {
				style = l.styles[j]
			}
			b.WriteString(out.Paint(style, cell))
			if j < len(l.cells)-1 {
				b.WriteString(strings.Repeat(" ", widths[j]-utf8.RuneCountInString(cell)) + gap)
			}
		}
		lines[i] = strings.TrimRight(b.String(), " ")
	}
	return lines
}

func (c *Columns) widths() []int {
	var widths []int
	for _, l := range c.lines {
		for j, cell := range l.cells {
			if j == len(widths) {
				widths = append(widths, 0)
			}
			widths[j] = max(widths[j], utf8.RuneCountInString(cell))
		}
	}
	return widths
}
