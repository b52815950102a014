package entraauth

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestIsProxy(t *testing.T) {
	for raw, want := range map[string]bool{
		"http://proxy:3128": true, "https://proxy.example": true, "socks5://127.0.0.1:1080": true, "socks5h://proxy": true,
		"http://me:pass@proxy:3128": true, "HTTP://[::1]:3128/": true,
		"": false, "proxy": false, "proxy:3128": false, "//proxy:3128": false, "http://": false, "http://:3128": false, "ftp://proxy": false,
		"http://me:pa ss@proxy": false, "http://me:pass%@proxy": false, "http://me:pass@proxy:port": false, "http://proxy:99999": false,
		"http://proxy:0": false, "me:pass@proxy:3128": false,
	} {
		assert.Equal(t, want, IsProxy(raw), raw)
	}
}
