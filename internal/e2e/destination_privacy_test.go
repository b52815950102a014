package e2e_test

import (
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

var (
	mailAddress = regexp.MustCompile(`[\w.%+-]+@[\w.-]+\.[A-Za-z]{2,}`)
	ipv4Address = regexp.MustCompile(`\b\d{1,3}(\.\d{1,3}){3}\b`)
)

func TestNoPersonalDataLeavesTheHouse(t *testing.T) {
	t.Parallel()
	const file = "privacy.yaml"
	s := newShippedStage(t, "contoso")
	s.generate(200, 20*time.Hour)
	s.cloud.World.Put(s.tenants[0].id, personal()...)
	backend := newOTLPBackend(t)
	env := map[string]string{"OTLP_ENDPOINT": backend.url(), "PRIVACY_HMAC_KEY": strings.Repeat("k", 32)}
	made := s.made(file, env)
	kept := having(made, func(r record) bool { return !noise(r) })
	require.NotEmpty(t, kept)
	c := s.startShipped(file, env, `exporters: {otlp_http: {tls: {ca_file: "`+backend.caFile(s.dir)+`"}}}`)
	s.eventually("the records that matter", func() bool { return lacking(kept, backend.arrived()) == 0 })
	s.polled(1, s.tenants...)
	c.terminate()

	arrived := backend.arrived()
	require.Len(t, arrived, len(kept), "noise is dropped")
	hashes, ids := map[string]string{}, map[any]bool{}
	var wrong findings
	for _, got := range arrived {
		want := kept[got.uid()]
		ids[got.Attributes["microsoft.defender.alert.id"]] = true
		text, err := json.Marshal(got)
		require.NoError(t, err)
		for _, name := range names {
			if strings.Contains(strings.ToLower(string(text)), name) {
				wrong.add("%s in %s", name, text)
			}
		}
		for _, key := range []string{"user.name", "host.name", "host.id"} {
			name, _ := want.Attributes[key].(string)
			hash, _ := got.Attributes[key].(string)
			if name == "" {
				continue
			}
			if strings.Contains(string(text), name) || hash == "" || hashes[name] != "" && hashes[name] != hash {
				wrong.add("%s %q as %q in %s", key, name, hash, text)
			}
			hashes[name] = hash
		}
		for _, address := range []*regexp.Regexp{mailAddress, ipv4Address} {
			if found := address.Find(text); found != nil {
				wrong.add("%s in %s", found, text)
			}
		}
		for _, key := range []string{"microsoft.defender.assigned_to", "microsoft.defender.url", "microsoft.defender.title"} {
			assert.NotContains(t, got.Attributes, key)
		}
		assert.NotContains(t, got.Resource, "customer.contact")
		assert.Equal(t, "production", got.Resource["deployment.environment.name"])
		assert.Equal(t, want.Attributes["microsoft.defender.alert.id"], got.Attributes["microsoft.defender.alert.id"])
		assert.Equal(t, want.Time, got.Time)
		body, _ := got.Body.(map[string]any)
		assert.Equal(t, want.Attributes["microsoft.defender.alert.id"], body["id"])
		assert.Equal(t, want.Severity, body["severity"])
	}
	wrong.none(t, "personal data")
	assert.Greater(t, len(hashes), 5, "there were names")
	for _, alert := range personal() {
		assert.True(t, ids[alert.ID], alert.ID)
	}
}

// names are those of the person and the machine that the alerts of personal are about, in lower case.
var names = []string{"tanaka", "kt-laptop", "0123456789abcdef0123456789abcdef01234567", "s-1-5-21", "2001:db8", "fe80"}

// personal are an alert of Endpoint and one of Graph with somebody's name wherever Microsoft has room for it.
func personal() []world.Alert {
	const (
		person, account, machine = "Kim Tanaka", "k.tanaka", "KT-Laptop.contoso.example"
		device, text             = "0123456789abcdef0123456789abcdef01234567", "Kim Tanaka (k.tanaka@contoso.example) used KT-Laptop at 203.0.113.7 and 2001:db8::17"
	)
	open := map[string]any{"User": person, "Address": []any{"fe80::1:2", "fe80:0:0:0:0:0:0:1"}, "Device": map[string]any{"Name": machine}}
	endpoint := map[string]any{
		"classification": "TruePositive",
		"description":    text, "assignedTo": person, "machineId": device, "computerDnsName": machine, "rbacGroupName": "Machines of Tanaka",
		"relatedUser":   map[string]any{"userName": account, "domainName": "TANAKA"},
		"loggedOnUsers": []any{map[string]any{"accountName": account, "domainName": "TANAKA"}},
		"domains":       []any{"tanaka.example"},
		"comments":      []any{map[string]any{"comment": text, "createdBy": person, "createdTime": "2026-01-15T08:30:04Z"}},
		"evidence":      []any{map[string]any{"entityType": "User", "accountName": account, "userSid": "S-1-5-21-1", "userPrincipalName": "k.tanaka@contoso.example"}},
		// Nobody's name is expected in these, but for what looks like an address.
		"threatName": "Traffic to 2001:db8::17, fe80:0:0:0:0:0:0:1 and 203.0.113.7 for k.tanaka@contoso.example",
	}
	graph := map[string]any{
		"classification": "truePositive",
		"description":    text, "assignedTo": person, "alertWebUrl": "https://security.microsoft.com/alerts/x?user=k.tanaka",
		"incidentWebUrl": "https://security.microsoft.com/incidents/1?device=KT-Laptop", "actorDisplayName": person, "recommendedActions": text,
		"alertPolicyId": person, "systemTags": []any{machine}, "additionalData": open, "customDetails": open,
		"comments": []any{map[string]any{"comment": text, "createdByDisplayName": person, "createdDateTime": "2026-01-15T08:30:04Z"}},
		"evidence": []any{map[string]any{
			"@odata.type": "#microsoft.graph.security.deviceEvidence", "deviceDnsName": machine, "mdeDeviceId": device,
			"loggedOnUsers": []any{map[string]any{"accountName": account}},
		}, map[string]any{
			"@odata.type": "#microsoft.graph.security.userEvidence", "userAccount": map[string]any{"accountName": account, "displayName": person},
		}},
		"threatDisplayName": "Traffic to fe80::1:2 from k.tanaka@contoso.example",
	}
	return []world.Alert{
		{ID: "personal-endpoint", Title: text, Severity: "High", Status: "New", Sources: []world.Source{world.EndpointAlerts}, Members: endpoint},
		{ID: "personal-graph", Title: text, Severity: "high", Status: "new", Sources: []world.Source{world.GraphAlerts}, Members: graph},
	}
}

// What closes an alert leaves, though nobody would be shown an alert that is closed to begin with.
func TestTheVersionThatClosesAnAlertLeavesTheHouse(t *testing.T) {
	t.Parallel()
	s := newShippedStage(t, "contoso")
	backend := newOTLPBackend(t)
	env := map[string]string{"OTLP_ENDPOINT": backend.url(), "PRIVACY_HMAC_KEY": strings.Repeat("k", 32)}
	of := func(id, severity, status string, revision int) world.Alert {
		return world.Alert{ID: id, Severity: severity, Status: status, Revision: revision, Sources: []world.Source{world.GraphAlerts}}
	}
	closed := of("false", "high", "resolved", 1)
	closed.Members = map[string]any{"classification": "falsePositive"}
	s.cloud.World.Put(s.tenants[0].id, of("false", "high", "new", 0), of("quiet", "informational", "new", 0), of("noise", "informational", "resolved", 0))
	c := s.startShipped("privacy.yaml", env, `exporters: {otlp_http: {tls: {ca_file: "`+backend.caFile(s.dir)+`"}}}`)
	statuses := func() map[any]any {
		found := map[any]any{}
		for _, r := range backend.arrived() {
			found[r.Attributes["microsoft.defender.alert.id"]] = r.Attributes["microsoft.defender.status"]
		}
		return found
	}
	s.eventually("both that are open", func() bool { return reflect.DeepEqual(statuses(), map[any]any{"false": "new", "quiet": "new"}) })
	s.cloud.World.Put(s.tenants[0].id, closed, of("quiet", "informational", "resolved", 1))
	s.eventually("both closed", func() bool {
		return reflect.DeepEqual(statuses(), map[any]any{"false": "resolved", "quiet": "resolved"})
	})
	c.terminate()
}

// noise is what privacy.yaml does not send of an alert that it sees for the first time.
func noise(r record) bool {
	is := func(key, value string) bool {
		text, _ := r.Attributes[key].(string)
		return strings.EqualFold(text, value)
	}
	return is("microsoft.defender.classification", "falsePositive") ||
		r.SeverityNumber == plog.SeverityNumberInfo && is("microsoft.defender.status", "resolved")
}

// The first thing that anybody tries.
func TestTheSmallestConfigurationShowsAlertsOnTheTerminal(t *testing.T) {
	t.Parallel()
	s := newShippedStage(t, "contoso")
	ids := s.cloud.World.Put(s.tenants[0].id, world.Alert{Title: "First of all"}, world.Alert{Title: "Second to none"})
	c := s.startShipped("minimal.yaml", nil)
	s.eventually("both alerts", func() bool {
		shown := c.stderr.String() + c.stdout.String()
		return strings.Contains(shown, ids[0]) && strings.Contains(shown, ids[1]) && strings.Contains(shown, "First of all")
	})
	c.terminate()
}
