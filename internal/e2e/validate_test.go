package e2e_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestValidateTellsGoodFromBad(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		over string
		want []string // nothing for a good one
	}{
		"good":          {"", nil},
		"a bare number": {"receivers: {defender: {poll_interval: 30}}", []string{"`poll_interval`", "duration of at least 1s"}},
		"no such source": {
			"receivers: {defender: {sources: {alerts: {}}}}", []string{"`sources`", "endpoint_alerts", `"alerts"`},
		},
		"an authority without TLS": {
			"extensions: {entra_auth: {authority_host: http://login.example}}", []string{"authority_host", "https"},
		},
		"a user's tenant without a storage": {
			"extensions: {entra_auth: {storage_encryption_key: " + storageKey + ", tenants: [{id: 72f988bf-86f1-41af-91ab-2d7cd011db47, sign_in: delegated}]}}",
			[]string{"storage must name a storage extension", "72f988bf"},
		},
		"a user's tenant without a key": {
			"extensions: {entra_auth: {storage: file_storage, tenants: [{id: 72f988bf-86f1-41af-91ab-2d7cd011db47, name: contoso, refresh_token: x}]}}",
			[]string{"storage_encryption_key must be 32 bytes in base64", "contoso"},
		},
		"a variable that is not set": {
			"extensions: {entra_auth: {storage: file_storage, storage_encryption_key: " + storageKey +
				", tenants: [{id: 72f988bf-86f1-41af-91ab-2d7cd011db47, refresh_token: \"${env:E2E_NOT_SET}\"}]}}",
			[]string{"tenants::0: refresh_token is empty (is the environment variable set?)"},
		},
		"two kinds of one credential": {
			"extensions: {entra_auth: {application: {credentials: [{client_secret: a, certificate_file: b}]}}}",
			[]string{"credentials"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, 1)
			out, err := s.run(append([]string{"validate"}, configs(tt.over)...)...)
			if tt.want == nil {
				require.NoError(t, err, out)
				return
			}
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit, out)
			assert.Positive(t, exit.ExitCode())
			for _, part := range tt.want {
				assert.Contains(t, out, part)
			}
			assert.Equal(t, 1, strings.Count(strings.TrimSpace(out), "\n")+1, "one sentence: %s", out)
		})
	}
}
