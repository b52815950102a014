package terminal

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Wrap breaks a text into lines of at most width columns, each after indent. A word that is longer, such as a link, is
// left whole on a line of its own.
func Wrap(text, indent string, width int) string {
	var b strings.Builder
	column := 0
	for word := range strings.FieldsSeq(text) {
		length := utf8.RuneCountInString(word)
		switch {
		case column == 0:
			b.WriteString(indent)
			column = utf8.RuneCountInString(indent)
		case column+1+length > width:
			b.WriteString("\n" + indent)
			column = utf8.RuneCountInString(indent)
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += length
	}
	return b.String()
}

// Cut shortens a text to a number of columns.
func Cut(text string, columns int) string {
	if utf8.RuneCountInString(text) <= columns {
		return text
	}
	return string([]rune(text)[:columns-1]) + "…"
}

// Sentence makes a sentence of a message: a capital at its beginning and a full stop at its end, unless that is a link.
func Sentence(text string) string {
	text = strings.TrimSpace(text)
	if text == "" {
		return ""
	}
	first, size := utf8.DecodeRuneInString(text)
	text = strings.ToUpper(string(first)) + text[size:]
	last := text[strings.LastIndexByte(text, ' ')+1:]
	if strings.Contains(last, "://") || strings.ContainsAny(text[len(text)-1:], ".!?") {
		return text
	}
	return text + "."
}

// Printable keeps one line of a foreign text, of at most so many characters. What does not print could turn a terminal.
func Printable(text string, most int) string {
	var b strings.Builder
	n := 0
	for _, r := range text {
		if !strconv.IsPrint(r) {
			r = ' '
		}
		if n == most {
			b.WriteRune('…')
			break
		}
		b.WriteRune(r)
		n++
	}
	return strings.TrimSpace(b.String())
}
