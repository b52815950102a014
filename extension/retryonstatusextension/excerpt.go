package retryonstatusextension

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
)

const (
	// maxText is how much of an answer is looked at.
	maxText = 2 << 10
	// maxDrain is how much of it is read beyond that, so that the connection can be used again.
	maxDrain = 64 << 10
	// maxWait is how long the reading may take.
	maxWait = 5 * time.Second
	// maxExcerpt is how many characters of it an error shows.
	maxExcerpt = 200
	// minSecret is the length from which what a request carries may be a secret.
	minSecret = 8
)

// drain reads an answer that is not used, closes it, and returns how it begins.
func drain(body io.ReadCloser) []byte {
	limit := time.AfterFunc(maxWait, func() { _ = body.Close() })
	defer limit.Stop()
	text, _ := io.ReadAll(io.LimitReader(body, maxText))
	_, _ = io.CopyN(io.Discard, body, maxDrain)
	_ = body.Close()
	return text
}

// excerpt is the beginning of a text in one printable line, without what the request carried: a server may repeat the
// token that it refuses.
func excerpt(text []byte, req *http.Request) string {
	printable := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) && r != unicode.ReplacementChar {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(string(text), " "))
	line := strings.Join(strings.Fields(printable), " ")
	for _, secret := range secrets(req) {
		line = strings.ReplaceAll(line, secret, "[REDACTED]")
	}
	if runes := []rune(line); len(runes) > maxExcerpt {
		return string(runes[:maxExcerpt]) + "…"
	}
	return line
}

// secrets are the values in a request that may be secret, the longest first.
func secrets(req *http.Request) (found []string) {
	note := func(values []string) {
		for _, value := range values {
			for _, part := range append(strings.Fields(value), value) {
				if len(part) >= minSecret {
					found = append(found, part)
				}
			}
		}
	}
	for name, values := range req.Header {
		switch name {
		case "Accept", "Connection", "Content-Encoding", "Content-Length", "Content-Type", "User-Agent":
		default:
			note(values)
		}
	}
	for _, values := range req.URL.Query() {
		note(values)
	}
	slices.SortFunc(found, func(a, b string) int { return len(b) - len(a) })
	return found
}
