package e2e_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// This is what the overview of the destinations warns of: otlp_http by itself takes these for the last word.
func TestAnOTLPBackendThatRefusesATokenDropsWhatItWasSent(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusInternalServerError} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			t.Parallel()
			s := newShippedStage(t, "contoso")
			s.generate(5, time.Hour)
			backend := newOTLPBackend(t)
			backend.refuseOnce(status)
			env := map[string]string{"OTLP_ENDPOINT": backend.url(), "PRIVACY_HMAC_KEY": strings.Repeat("k", 32)}
			c := s.startShipped("privacy.yaml", env, `exporters: {otlp_http: {tls: {ca_file: "`+backend.caFile(s.dir)+`"}}}`)
			s.eventually("a line about it", func() bool { return len(c.logged("Dropping data", nil)) > 0 })
			c.terminate()
			dropped := c.logged("Dropping data", nil)
			require.Len(t, dropped, 1)
			assert.Contains(t, dropped[0].text("error"), strconv.Itoa(status))
		})
	}
}
