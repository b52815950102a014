package odata

import (
	"errors"
	"strings"
)

type tokenKind int

const (
	end tokenKind = iota
	word
	quoted
	open
	closed
)

type token struct {
	kind tokenKind
	text string
}

var errUnterminated = errors.New("unterminated string literal")

// lex cuts text into tokens; the last one is always end.
func lex(text string) ([]token, error) {
	var tokens []token
	for {
		text = strings.TrimLeft(text, " \t")
		if text == "" {
			return append(tokens, token{}), nil
		}
		tok, rest, err := next(text)
		if err != nil {
			return nil, err
		}
		tokens, text = append(tokens, tok), rest
	}
}

func next(text string) (token, string, error) {
	switch text[0] {
	case '(':
		return token{open, "("}, text[1:], nil
	case ')':
		return token{closed, ")"}, text[1:], nil
	case '\'':
		return lexQuoted(text[1:])
	}
	n := strings.IndexAny(text, " \t()'")
	if n < 0 {
		n = len(text)
	}
	return token{word, text[:n]}, text[n:], nil
}

// lexQuoted reads up to the closing quote; a doubled quote stands for one.
func lexQuoted(text string) (token, string, error) {
	var b strings.Builder
	for {
		n := strings.IndexByte(text, '\'')
		if n < 0 {
			return token{}, "", errUnterminated
		}
		b.WriteString(text[:n])
		text = text[n+1:]
		if !strings.HasPrefix(text, "'") {
			return token{quoted, b.String()}, text, nil
		}
		b.WriteByte('\'')
		text = text[1:]
	}
}
