package token

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/internal/credential"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/entra"
)

const (
	appID    = "11111111-1111-1111-1111-111111111111"
	tenantID = "72f988bf-86f1-41af-91ab-2d7cd011db47"
)

// machine plays the endpoint of managed identities; status 0 never answers.
type machine struct{ status, asked int }

func (m *machine) Do(req *http.Request) (*http.Response, error) {
	m.asked++
	if m.status == 0 {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	return &http.Response{StatusCode: m.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}"))}, nil
}

func (*machine) CloseIdleConnections() {}

// applicationOf returns an application of a simulated Entra that takes the secret "good" alone.
func applicationOf(t *testing.T, identity *machine, rows ...credential.Config) (*Application, *observer.ObservedLogs) {
	t.Helper()
	sim := entra.New(entra.Options{})
	sim.SetApp(entra.App{ClientID: appID, Secrets: []string{"good"}})
	sim.SetTenant(entra.Tenant{ID: tenantID, Consented: true})
	login := httptest.NewTLSServer(sim)
	t.Cleanup(login.Close)
	core, logs := observer.New(zap.DebugLevel)
	app, err := NewApplication(&credential.Application{ClientID: appID, Credentials: rows}, login.URL, "audience", Environment{
		HTTP: login.Client(), Identity: identity, Recheck: time.Minute, Now: time.Now, Logger: zap.New(core),
		Observe: func(context.Context, string, string) {},
	})
	require.NoError(t, err)
	return app, logs
}

const scopeOfTest = "https://graph.microsoft.com/.default"

var onMachine = credential.Config{ManagedIdentity: &credential.ManagedIdentity{ClientID: appID}}

func TestCredentialThatIsAbsentForNowFallsThroughInTime(t *testing.T) {
	for _, status := range []int{0, http.StatusServiceUnavailable} {
		identity := &machine{status: status}
		app, logs := applicationOf(t, identity, onMachine, credential.Config{ClientSecret: "good"})
		for range 2 {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			_, refused := app.Acquire(ctx, tenantID, scopeOfTest)
			cancel()
			require.Nil(t, refused)
		}
		assert.Equal(t, 1, identity.asked, "tried last for a while")
		assert.Equal(t, 1, logs.FilterMessage("A credential of the application "+appID+" does not work").Len())
	}
}

func TestFaultThatPassesIsTheAnswerWhereNoCredentialWorks(t *testing.T) {
	for _, rows := range [][]credential.Config{
		{onMachine, {ClientSecret: "bad"}}, {{ClientSecret: "bad"}, onMachine},
	} {
		app, logs := applicationOf(t, &machine{status: http.StatusServiceUnavailable}, rows...)
		_, refused := app.Acquire(t.Context(), tenantID, scopeOfTest)
		require.NotNil(t, refused)
		assert.Equal(t, entraauth.ReasonTransient, refused.Reason)
		assert.Equal(t, 2, logs.Len(), "each is told of")
	}
}

func TestEndOfTheTimeSaysNothingOfACredential(t *testing.T) {
	app, logs := applicationOf(t, &machine{}, onMachine, onMachine)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	_, refused := app.Acquire(ctx, tenantID, scopeOfTest)
	require.NotNil(t, refused)
	assert.Equal(t, entraauth.ReasonTransient, refused.Reason)
	assert.Zero(t, logs.Len())
}
