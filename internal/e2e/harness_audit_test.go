package e2e_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// version names one state of one alert, incident or detection in one source.
type version struct{ tenantID, source, id, updated string }

func versionOf(v *world.Version) version {
	return version{v.Tenant, string(v.Source), v.ID, v.UpdatedText()}
}

// alert is what arrived.
type alert struct {
	version
	tenant, customer  string
	uid, change, body string
	redirect          string // the incident that this one was merged into
}

func alertsOf(logs plog.Logs) (alerts []alert) {
	for _, rl := range logs.ResourceLogs().All() {
		resource := rl.Resource().Attributes()
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				alerts = append(alerts, alertOf(resource, lr))
			}
		}
	}
	return alerts
}

func alertOf(resource pcommon.Map, lr plog.LogRecord) alert {
	a := lr.Attributes()
	return alert{
		version: version{
			text(resource, "azure.tenant.id"), text(a, "microsoft.defender.source"), idOf(lr), text(a, "microsoft.defender.updated"),
		},
		tenant: text(resource, "azure.tenant.name"), customer: text(resource, "customer.id"),
		uid: text(a, "log.record.uid"), change: text(a, "microsoft.defender.change"), body: lr.Body().AsString(),
		redirect: text(a, "microsoft.defender.redirect_incident.id"),
	}
}

// idOf is what the source tells its records apart by.
func idOf(lr plog.LogRecord) string {
	switch source := text(lr.Attributes(), "microsoft.defender.source"); world.Source(source) {
	case world.GraphIncidents, world.XDRIncidents:
		return text(lr.Attributes(), "microsoft.defender.incident.id")
	case world.SIEMAlerts:
		var row struct {
			ID string `json:"FullId"`
		}
		_ = json.Unmarshal([]byte(lr.Body().AsString()), &row) // no id is no version of the world's
		return row.ID
	default:
		return text(lr.Attributes(), "microsoft.defender.alert.id")
	}
}

func text(m pcommon.Map, key string) string {
	v, ok := m.Get(key)
	if !ok {
		return ""
	}
	return v.AsString()
}

// audit compares what arrived with what there was.
type audit struct {
	t       *testing.T
	world   *world.World
	ledger  map[version]*world.Version
	arrived map[version]int
	alerts  []alert
	tenants map[string]tenant
	sources []world.Source
	// whole is the text that a version is delivered with.
	whole func(*world.Version) string
}

func (s *stage) audit(alerts []alert) *audit {
	a := &audit{
		t: s.t, world: s.cloud.World, ledger: map[version]*world.Version{}, arrived: map[version]int{}, alerts: alerts, tenants: map[string]tenant{},
		sources: s.sources, whole: func(v *world.Version) string { return string(v.JSON()) },
	}
	for _, tn := range s.tenants {
		a.tenants[tn.id] = tn
		for _, source := range s.sources {
			for _, v := range s.cloud.World.Ledger(tn.id, source) {
				a.ledger[versionOf(v)] = v
			}
		}
	}
	for _, alert := range alerts {
		a.arrived[alert.version]++
	}
	return a
}

// genuine requires of every record that it is what the API has, and that its uid stands for its version alone.
func (a *audit) genuine() {
	a.t.Helper()
	var wrong findings
	uids, versions := map[version]string{}, map[string]version{}
	for _, got := range a.alerts {
		v := a.ledger[got.version]
		if v == nil {
			wrong.add("%v was never there", got.version)
			continue
		}
		if got.body != a.whole(v) {
			wrong.add("%v has the body %.200s", got.version, got.body)
		}
		if tn := a.tenants[got.tenantID]; got.tenant != tn.name || got.customer != tn.customer() {
			wrong.add("%v names the tenant %s of %s", got.version, got.tenant, got.customer)
		}
		if uid, known := uids[got.version]; got.uid == "" || known && uid != got.uid {
			wrong.add("%v has the uid %q, and before %q", got.version, got.uid, uid)
		}
		if other, known := versions[got.uid]; known && other != got.version {
			wrong.add("%v and %v have the same uid", got.version, other)
		}
		uids[got.version], versions[got.uid] = got.uid, got.version
	}
	wrong.none(a.t, "records that are not genuine")
}

// complete requires every version that must have arrived.
func (a *audit) complete(must func(*world.Version) bool) {
	a.t.Helper()
	var missing findings
	for key, v := range a.ledger {
		if a.arrived[key] == 0 && must(v) {
			missing.add("%v, visible from %s", key, v.VisibleFrom.Format(time.TimeOnly))
		}
	}
	missing.none(a.t, "alerts that are missing")
}

// once requires that nothing was repeated, and that only the first version of an alert is called created.
func (a *audit) once() {
	a.t.Helper()
	var repeated, miscalled findings
	for key, n := range a.arrived {
		if n > 1 {
			repeated.add("%v came %d times", key, n)
		}
	}
	begun := map[version]bool{}
	for _, got := range a.alerts {
		of := got.version
		of.updated = ""
		want := "created"
		if begun[of] {
			want = "updated"
		}
		begun[of] = true
		if got.change != want {
			miscalled.add("%v is called %s", got.version, got.change)
		}
	}
	repeated.none(a.t, "alerts that came again")
	miscalled.none(a.t, "alerts with a wrong change")
}

// repeats counts the records beyond the first of each version.
func (a *audit) repeats() int { return len(a.alerts) - len(a.arrived) }

// everything is for a world in which every version stays visible long enough.
func everything(*world.Version) bool { return true }

// findings keeps the first few of what is wrong, and counts the rest.
type findings struct {
	n     int
	first []string
}

const shown = 10

func (f *findings) add(format string, args ...any) {
	if f.n++; f.n <= shown {
		f.first = append(f.first, fmt.Sprintf(format, args...))
	}
}

func (f *findings) none(t *testing.T, what string) {
	t.Helper()
	assert.Zero(t, f.n, "%s: %q", what, f.first)
}
