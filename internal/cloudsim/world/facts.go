package world

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"
)

// facts is what is true of one version of an alert, whichever API tells it. What is not stored follows from the seed.
type facts struct {
	tenant           *tenant
	id               string
	seed             uint64
	kind             *kind
	created, updated time.Time
	revision         int
	incident         int64

	title, severity, status string
}

func newFacts(t *tenant, a *Alert) *facts {
	f := &facts{
		tenant: t, id: a.ID, seed: hash(t.id, fmt.Sprint(t.seed), a.ID),
		created: a.Created, updated: a.Updated, revision: a.Revision, incident: a.Incident,
	}
	if f.incident == 0 {
		f.incident = t.incidentOf(f)
	}
	f.kind = t.kinds[f.pick("kind", len(t.kinds))]
	f.title = cmp.Or(a.Title, f.kind.title)
	f.severity = cmp.Or(a.Severity, f.kind.severity)
	f.status = cmp.Or(a.Status, statusOf(a.Revision))
	return f
}

// statusOf is how far people and automation have come with an alert.
func statusOf(revision int) string {
	switch {
	case revision < 2:
		return "New"
	case revision < lastRevision:
		return "InProgress"
	default:
		return "Resolved"
	}
}

// lastRevision is the one that resolves an alert.
const lastRevision = 4

func (f *facts) resolved() bool { return f.status == "Resolved" }

func (f *facts) resolvedAt() time.Time {
	if f.resolved() {
		return f.updated
	}
	return time.Time{}
}

// pick returns a number below n that is the same for every version of the alert.
func (f *facts) pick(what string, n int) int { return int(f.draw(what) % uint64(n)) }

// draw returns the random number that belongs to a fact.
func (f *facts) draw(what string) uint64 { return scramble(hash(what) ^ f.seed) }

// hex returns n hexadecimal digits, at most 64, such as a hash or an id.
func (f *facts) hex(what string, n int) string {
	return digits(f.draw(what))[:n]
}

// digits turns a number into 64 hexadecimal digits.
func digits(h uint64) string {
	var raw [32]byte
	for i := range 4 {
		binary.BigEndian.PutUint64(raw[8*i:], h)
		h = scramble(h + 1)
	}
	return hex.EncodeToString(raw[:])
}

func (f *facts) guid(what string) string { return guid(digits(f.draw(what))) }

func guid(h string) string {
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-a" + h[17:20] + "-" + h[20:32]
}

func (f *facts) number(what string) int64 { return int64(1000 + f.pick(what, 60_000)) }

// firstActivity is when it happened on the device, a little before the service made an alert of it.
func (f *facts) firstActivity() time.Time {
	return f.created.Add(-time.Duration(60+f.pick("delay", 600)) * time.Second)
}

func (f *facts) lastActivity() time.Time { return f.updated.Add(-30 * time.Second) }

func (f *facts) domain() string { return f.tenant.domain }

func (f *facts) netbios() string { return f.tenant.netbios }

func (f *facts) hostName() string {
	prefix := []string{"ws", "ws", "ws", "srv"}[f.pick("role", 4)]
	return prefix + "-" + strconv.Itoa(1001+f.pick("host", 500))
}

func (f *facts) dnsName() string { return f.hostName() + "." + f.domain() }

// machineID belongs to the host, not to the alert.
func (f *facts) machineID() string {
	return digits(hash(f.tenant.id, f.hostName()))[:40]
}

func (f *facts) user() string {
	users := []string{"j.doe", "a.meyer", "s.okafor", "m.rossi", "k.tanaka", "l.nguyen", "p.silva", "e.larsen"}
	return users[f.pick("user", len(users))]
}

func (f *facts) userSID() string {
	return "S-1-5-21-" + strconv.FormatInt(f.number("sid")*77777, 10) + "-1085031214-725345543-" + strconv.FormatInt(f.number("rid"), 10)
}

func (f *facts) upn() string { return f.user() + "@" + f.domain() }

func (f *facts) address() string {
	return "203.0.113." + strconv.Itoa(1+f.pick("ip", 254))
}

func (f *facts) assignee() string {
	switch {
	case f.status == "New":
		return ""
	case f.pick("assignee", 4) == 0:
		return "Automation"
	default:
		return "soc" + fmt.Sprint(1+f.pick("assignee", 4)) + "@" + f.domain()
	}
}

// verdict is the classification and determination in Defender for Endpoint's spelling, empty until it is resolved.
func (f *facts) verdict() (classification, determination string) {
	if !f.resolved() {
		return "", ""
	}
	switch f.pick("verdict", 3) {
	case 0:
		return "TruePositive", "Malware"
	case 1:
		return "InformationalExpectedActivity", "SecurityTesting"
	default:
		return "FalsePositive", "Other"
	}
}

func (f *facts) investigationState() string {
	states := []string{"Queued", "Running", "PendingApproval", "PartiallyInvestigated", "SuccessfullyRemediated"}
	return states[min(f.revision, len(states)-1)]
}

// hash is FNV-1a over the parts, each ended by a zero byte.
func hash(parts ...string) uint64 {
	h := uint64(14695981039346656037)
	for _, part := range parts {
		for i := range len(part) {
			h = (h ^ uint64(part[i])) * 1099511628211
		}
		h *= 1099511628211
	}
	return scramble(h)
}

// scramble spreads the bits, of which FNV leaves the high ones alike for like texts (the finalizer of splitmix64).
func scramble(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// alertID is an id as Defender writes it.
func alertID(h uint64) string { return "da" + guid(digits(h)) + "_1" }
