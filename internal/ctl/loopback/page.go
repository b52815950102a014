package loopback

import (
	"html/template"
	"net/http"
)

// Page is what the browser shows.
type Page struct {
	// Failed tells that it is bad news.
	Failed      bool
	Title, Text string
}

// Stranger is for a request that is not the answer which is waited for.
func Stranger() Page {
	return Page{
		Failed: true, Title: "This is not the answer",
		Text: "What came does not belong to the link that the command has printed. Open that link again, in this browser. The command goes on waiting.",
	}
}

const layout = `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{{.Title}}</title></head>
<body><h1>{{.Title}}</h1><p>{{.Text}}</p></body>
</html>
`

// write escapes the text, which may quote what Entra says.
func (p Page) write(w http.ResponseWriter) {
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Security-Policy", "default-src 'none'")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Connection", "close")
	if p.Failed {
		w.WriteHeader(http.StatusBadRequest)
	}
	_ = template.Must(template.New("page").Parse(layout)).Execute(w, p) // the browser may have left
}
