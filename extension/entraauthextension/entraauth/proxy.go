package entraauth

import (
	"net/url"
	"slices"
	"strconv"
)

// IsProxy tells whether raw is a proxy that an HTTP client can use: scheme http, https, socks5 or socks5h, and a host.
// Say no more of one that is not: it may hold a password, which the error of a parser would quote.
func IsProxy(raw string) bool {
	u, err := url.ParseRequestURI(raw)
	return err == nil && slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme) && u.Hostname() != "" && IsPort(u.Port())
}

// IsPort tells whether the port of a URL is one; an empty one stands for the scheme's.
func IsPort(port string) bool {
	n, err := strconv.Atoi(port)
	return port == "" || (err == nil && n > 0 && n < 1<<16)
}
