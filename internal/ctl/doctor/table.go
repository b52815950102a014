package doctor

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/otelcol-defender/otelcol-defender/internal/ctl/terminal"
)

const (
	// maxAlike is how many rows with the same trouble are shown; where more have it the trouble counts, not the rows.
	maxAlike = 20
	maxName  = 28
	indent   = "  "
)

// Table prints the report for people: first what is wrong, then what works, and one line that sums it up.
func (r *Report) Table(out terminal.Output) {
	t := table{r, out, several(r.Checks)}
	t.problems()
	failing := slices.ContainsFunc(r.Credentials, func(c Credential) bool { return c.Status == Problem })
	if failing {
		t.credentials()
	}
	t.working()
	t.other("Not offered in the tenant's cloud, and not polled", NotOffered)
	t.other("Not checked, because the command was interrupted", NotChecked)
	if !failing {
		t.credentials()
	}
	t.summary()
}

// table is a report on its way to an output.
type table struct {
	*Report
	out       terminal.Output
	receivers bool // whether there are several, so that rows name theirs
}

func several(checks []Check) bool {
	return slices.ContainsFunc(checks, func(c Check) bool { return c.Receiver != checks[0].Receiver })
}

func (t *table) print(lines ...string) {
	for _, line := range lines {
		_, _ = fmt.Fprintln(t.out, line)
	}
}

func (t *table) title(text string) { t.print(t.out.Paint(terminal.Bold, text), "") }

// heading is the first line of columns, and cells what a row of a check begins with.
func (t *table) heading(more ...string) []string {
	if t.receivers {
		return append([]string{"RECEIVER", "TENANT", "SOURCE"}, more...)
	}
	return append([]string{"TENANT", "SOURCE"}, more...)
}

func (t *table) cells(c *Check, more ...string) []string {
	if t.receivers {
		return append([]string{c.Receiver, terminal.Cut(c.Tenant, maxName), c.Source}, more...)
	}
	return append([]string{terminal.Cut(c.Tenant, maxName), c.Source}, more...)
}

// alike are checks with the same trouble, for which the same is to be done.
type alike struct {
	Finding
	checks []*Check
	cause  bool // whether they have it in common
}

func (t *table) groups() []*alike {
	type key struct{ reason, code, next string }
	byKey := map[key]*alike{}
	var groups []*alike
	for i := range t.Checks {
		c := &t.Checks[i]
		if c.Status != Problem {
			continue
		}
		k := key{c.Reason, c.ErrorCode, c.Next}
		g := byKey[k]
		if g == nil {
			g = &alike{Finding: c.Finding, cause: true}
			byKey[k] = g
			groups = append(groups, g)
		}
		g.checks = append(g.checks, c)
		g.cause = g.cause && g.Cause == c.Cause
	}
	return groups
}

func (t *table) problems() {
	groups := t.groups()
	if len(groups) == 0 && len(t.Gaps) == 0 && t.Clock.Status != Problem {
		return
	}
	t.title("Problems")
	t.gaps()
	if t.Clock.Status == Problem {
		t.print(indent+t.out.Paint(terminal.Red, t.Clock.Reason), t.explain(t.Clock.Finding, true), "")
	}
	columns := t.problemColumns(groups)
	if len(groups) > 0 {
		t.print(columns[0])
	}
	next := 1
	for _, g := range groups {
		shown := min(len(g.checks), maxAlike)
		t.print(columns[next : next+shown]...)
		next += shown
		if more := len(g.checks) - shown; more > 0 {
			t.print(indent + fmt.Sprintf("… and %d more with the same reason (--json lists all)", more))
		}
		t.print(t.explain(g.Finding, g.cause), "")
	}
}

// gaps has a line for each, since each is a tenant whose alerts do not come; what they have in common is said once.
func (t *table) gaps() {
	var columns terminal.Columns
	for i := range t.Gaps {
		g := &t.Gaps[i]
		if g.Tenant == "" {
			columns.Add([]string{g.Reason}, terminal.Red)
			continue
		}
		columns.Add([]string{terminal.Cut(g.Tenant, maxName), g.Reason}, terminal.Plain, terminal.Red)
	}
	for i, line := range columns.Lines(t.out, indent) {
		g := &t.Gaps[i]
		t.print(line)
		if i+1 == len(t.Gaps) || t.Gaps[i+1].Finding != g.Finding {
			t.print(t.explain(g.Finding, true), "")
		}
	}
}

// problemColumns lays the rows of all groups out together, so that they are aligned.
func (t *table) problemColumns(groups []*alike) []string {
	var columns terminal.Columns
	columns.Add(t.heading("REASON", "CODE"))
	for _, g := range groups {
		for _, c := range g.checks[:min(len(g.checks), maxAlike)] {
			cells := t.cells(c, c.Reason, c.ErrorCode)
			styles := make([]terminal.Style, len(cells))
			styles[len(cells)-2] = terminal.Red
			columns.Add(cells, styles...)
		}
	}
	return columns.Lines(t.out, indent)
}

// explain says what happened and what is to be done.
func (t *table) explain(f Finding, cause bool) string {
	var parts []string
	if cause && f.Cause != "" {
		parts = append(parts, t.out.Paint(terminal.Faint, terminal.Wrap(terminal.Sentence(f.Cause), indent+indent, t.out.Width)))
	}
	if f.Next != "" {
		parts = append(parts, terminal.Wrap("→ "+terminal.Sentence(f.Next), indent+indent, t.out.Width))
	}
	return strings.Join(parts, "\n")
}

// other lists the checks of a status that needs no more than its name.
func (t *table) other(title string, status Status) {
	var columns terminal.Columns
	columns.Add(t.heading("CLOUD"))
	rows := 0
	for i := range t.Checks {
		if c := &t.Checks[i]; c.Status == status {
			columns.Add(t.cells(c, c.Cloud))
			rows++
		}
	}
	if rows > 0 {
		t.title(title)
		t.print(columns.Lines(t.out, indent)...)
		t.print("")
	}
}

func (t *table) working() {
	var columns terminal.Columns
	columns.Add(t.heading("PERMISSION", "NEWEST RECORD", "QUOTA"))
	for i := range t.Checks {
		if c := &t.Checks[i]; c.Status == OK {
			columns.Add(t.cells(c, permission(c), newest(c), quota(c)))
		}
	}
	lines := columns.Lines(t.out, indent)
	if len(lines) == 1 {
		return
	}
	t.title("Works")
	t.print(lines...)
	t.print("")
}

// permission is the one that the source uses.
func permission(c *Check) string {
	if c.Token == nil || !c.Token.Readable {
		return "(not readable)"
	}
	for _, role := range c.RolesNeeded {
		if slices.Contains(c.Token.Roles, role) {
			if c.Token.Delegated {
				return role + " (user)"
			}
			return role
		}
	}
	return "-"
}

func newest(c *Check) string {
	switch {
	case c.Read == nil || c.Read.Records == 0:
		return "none"
	case c.Read.Newest == nil:
		return "(no time)"
	default:
		return c.Read.Newest.Format(time.DateTime) + "Z"
	}
}

func quota(c *Check) string {
	var parts []string
	for _, q := range c.Quota {
		parts = append(parts, fmt.Sprintf("%d/%s", q.Requests, unit(q.Seconds)))
	}
	text := strings.Join(parts, " ")
	if c.Read != nil && c.Read.QuotaUsed > 0 {
		text += fmt.Sprintf(" (%.0f%% used)", 100*c.Read.QuotaUsed)
	}
	return text
}

func unit(length float64) string {
	switch seconds(length) {
	case time.Minute:
		return "min"
	case time.Hour:
		return "h"
	default:
		return seconds(length).String()
	}
}

func (t *table) credentials() {
	if len(t.Credentials) == 0 {
		return
	}
	t.title("Credentials")
	var columns terminal.Columns
	columns.Add([]string{"APPLICATION", "NO.", "KIND", "STATE", "ENDS"})
	for i := range t.Credentials {
		c := &t.Credentials[i]
		state, style := state(c)
		columns.Add([]string{c.Application, strconv.Itoa(c.Position), c.Kind, state, ends(c, t.Time)},
			terminal.Plain, terminal.Plain, terminal.Plain, style)
	}
	lines := columns.Lines(t.out, indent)
	t.print(lines[0])
	for i := range t.Credentials {
		t.print(lines[i+1])
		if t.Credentials[i].Status == Problem {
			t.print(t.explain(t.Credentials[i].Finding, true))
		}
	}
	t.print("")
}

func state(c *Credential) (string, terminal.Style) {
	switch {
	case c.Reason == reasonExpiring:
		return "ends soon", terminal.Red
	case c.Status == Problem:
		return "fails", terminal.Red
	case c.Status == OK:
		return "ok", terminal.Green
	default:
		return "not needed", terminal.Plain
	}
}

func ends(c *Credential, now time.Time) string {
	switch {
	case c.Expires != nil:
		return c.Expires.Format(time.DateOnly) + ", " + within(c.Expires.Sub(now))
	case c.Kind == "client_secret":
		return "Entra does not tell"
	default:
		return "-"
	}
}

// summary is one line.
func (t *table) summary() {
	s := t.Summary
	parts := []string{fmt.Sprintf("%s, %s: %d work, %s.", count(s.Tenants, "tenant"), count(s.Checks, "check"), s.OK, count(s.Problems, "problem"))}
	for _, more := range []struct {
		n    int
		text string
	}{
		{s.NotOffered, "not offered in the tenant's cloud"}, {s.NotChecked, "not checked"}, {s.OtherProblems, "wrong with credentials or the clock"},
	} {
		if more.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s.", more.n, more.text))
		}
	}
	if s.Gaps > 0 {
		parts = append(parts, count(s.Gaps, "gap")+".")
	}
	style := terminal.Green
	if !t.Healthy() {
		style = terminal.Red
	}
	t.print(t.out.Paint(style, strings.Join(parts, " ")))
}

func count(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}
