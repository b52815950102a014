// Package terminal writes for people: in columns and colours where someone is looking, plainly everywhere else.
package terminal

import (
	"io"
	"os"

	"golang.org/x/term"
)

// Width is how wide text is where nobody says otherwise, and the most that it is.
const Width = 100

// minWidth is the least that text is laid out for.
const minWidth = 60

// Output is where a command writes.
type Output struct {
	io.Writer
	// Terminal tells whether someone is looking.
	Terminal bool
	// Colour tells whether it may be coloured.
	Colour bool
	// Width in columns.
	Width int
}

// Of describes a file. Colours are for terminals, unless the variable NO_COLOR is set to anything (https://no-color.org).
func Of(file *os.File) Output {
	out := Output{Writer: file, Width: Width}
	fd := int(file.Fd())
	if !term.IsTerminal(fd) {
		return out
	}
	out.Terminal = true
	out.Colour = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	if width, _, err := term.GetSize(fd); err == nil {
		out.Width = min(max(width, minWidth), Width)
	}
	return out
}

// Style is how a text looks.
type Style string

// The styles.
const (
	Plain Style = ""
	Bold  Style = "1"
	Red   Style = "31"
	Green Style = "32"
	Faint Style = "2"
)

// Paint gives a text a style where colours are wanted.
func (o Output) Paint(style Style, text string) string {
	if !o.Colour || style == Plain {
		return text
	}
	return "\x1b[" + string(style) + "m" + text + "\x1b[0m"
}
