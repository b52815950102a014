package e2e_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim"
)

// newShippedStage raises a cloud with the tenants that a shipped configuration names, in its order.
func newShippedStage(t *testing.T, names ...string) *stage {
	t.Helper()
	s := newStage(t, 0)
	for i, name := range names {
		tn := newTenant(i)
		tn.name = name
		s.tenants = append(s.tenants, tn)
		s.cloud.AddTenant(tn.id, tn.name)
	}
	return s
}

// startShipped runs a configuration of testdata/configs as it is. Only what leads to the world outside is replaced:
// addresses, the application, certificates, the folder for the state, and the time between polls. Its variables are set to env.
func (s *stage) startShipped(file string, env map[string]string, over ...string) *collector {
	s.t.Helper()
	s.setEnvironment(env)
	args := []string{"--config", filepath.Join("..", "..", "testdata", "configs", file), "--config", "yaml:" + s.substitutes()}
	for _, text := range over {
		args = append(args, "--config", "yaml:"+text)
	}
	return s.startWith(args)
}

// setEnvironment sets the variables of a shipped configuration.
func (s *stage) setEnvironment(env map[string]string) {
	s.env = []string{"DEFENDER_CLIENT_SECRET=" + cloudsim.ClientSecret}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		s.env = append(s.env, name+"="+env[name])
	}
}

// numbered is a tenant list that gives an attribute of the first tenant a number, as who writes 17 without quotes does.
func (s *stage) numbered(attribute string) string {
	rows := fmt.Sprintf("{id: %s, name: %s, attributes: {%s: 17}}", s.tenants[0].id, s.tenants[0].name, attribute)
	for _, tn := range s.tenants[1:] {
		rows += fmt.Sprintf(", {id: %s, name: %s}", tn.id, tn.name)
	}
	return "extensions: {entra_auth: {tenants: [" + rows + "]}}"
}

func (s *stage) substitutes() string {
	return fmt.Sprintf(`
extensions:
  entra_auth:
    authority_host: %[1]s
    application: {client_id: %[2]s}
    http: {tls: {ca_file: %[3]s/ca.pem}}
  file_storage: {directory: %[3]s/state, create_directory: true}
receivers:
  defender:
    poll_interval: 3s
    tls: {ca_file: %[3]s/ca.pem}
    sources: {endpoint_alerts: {endpoint: %[1]s/defender}, graph_alerts: {endpoint: %[1]s/graph}}
service:
  telemetry:
    logs: {encoding: json, disable_zap_resource: true}
    metrics: {level: none}`, s.cloud.URL(), cloudsim.ClientID, s.dir)
}
