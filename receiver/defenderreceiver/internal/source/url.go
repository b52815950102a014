package source

import (
	"net/url"
	"strconv"
	"strings"
)

// URL returns the address of a query at an endpoint without a slash at its end.
func (s Source) URL(endpoint string, q Query) string {
	if s.Ask != nil {
		return endpoint + s.Path + "?" + s.Ask(q)
	}
	filter := s.UpdateTime + " ge " + q.From.String() + " and " + s.UpdateTime + " le " + q.To.String()
	if q.Filter != "" {
		filter += " and (" + q.Filter + ")"
	}
	var b strings.Builder
	b.WriteString(endpoint + s.Path + "?$filter=" + escape(filter) + "&$top=" + strconv.Itoa(q.Top))
	if q.Skip > 0 {
		b.WriteString("&$skip=" + strconv.Itoa(q.Skip))
	}
	if s.Expand != "" && !q.Plain {
		b.WriteString("&$expand=" + escape(s.Expand))
	}
	return b.String()
}

// One returns the address of a single record with what $expand adds to it in the list.
func (s Source) One(endpoint, id string) string {
	address := endpoint + s.Path + "/" + url.PathEscape(id)
	if s.Navigation {
		address += "?$expand=" + escape(s.Expand)
	}
	return address
}

// Element returns the address of the page that has only the element of that index, of those that $expand adds to a record.
func (s Source) Element(endpoint, id string, index int) string {
	return endpoint + s.Path + "/" + url.PathEscape(id) + "/" + s.Expand + "?$top=1&$skip=" + strconv.Itoa(index)
}

// escape writes a space as %20: every server reads that, not every one reads a plus sign.
func escape(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }
