package odata

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var properties = Properties{
	"lastUpdateTime": Time, "resolvedTime": Time, "severity": Enum, "assignedTo": String, "incidentId": Int,
}

// record was updated at tick 1234567 of its second.
func record(property string) Value {
	switch property {
	case "lastUpdateTime":
		return Instant(time.Date(2026, 11, 22, 10, 0, 0, 123456700, time.UTC))
	case "severity":
		return Text("High")
	case "assignedTo":
		return Text("o'neil@contoso.com")
	case "incidentId":
		return Number(42)
	}
	return Value{}
}

func TestFilterSelects(t *testing.T) {
	for filter, want := range map[string]bool{
		"lastUpdateTime ge 2026-11-22T10:00:00.1234567Z":                 true,
		"lastUpdateTime gt 2026-11-22T10:00:00.1234567Z":                 false,
		"lastUpdateTime gt 2026-11-22T10:00:00.1234566Z":                 true,
		"lastUpdateTime eq 2026-11-22T10:00:00.1234567Z":                 true,
		"lastUpdateTime ne 2026-11-22T10:00:00.1234567Z":                 false,
		"lastUpdateTime lt 2026-11-22T10:00:00.1234568Z":                 true,
		"lastUpdateTime le 2026-11-22T10:00:00.1234566Z":                 false,
		"lastUpdateTime le 2026-11-22T10:00:00.123456Z":                  false,
		"lastUpdateTime ge 2026-11-22T10:00:00Z":                         true,
		"lastUpdateTime ge 2026-11-22T11:00:00%2B01:00":                  true,
		"severity eq 'high'":                                             true,
		"severity ne 'HIGH'":                                             false,
		"assignedTo eq 'O''Neil@contoso.com'":                            true,
		"assignedTo eq null":                                             false,
		"assignedTo ne null":                                             true,
		"resolvedTime eq null":                                           true,
		"resolvedTime gt 2020-01-01T00:00:00Z":                           false,
		"resolvedTime le 2020-01-01T00:00:00Z":                           false,
		"incidentId gt 41":                                               true,
		"incidentId eq -42":                                              false,
		"not severity eq 'High'":                                         false,
		"not (severity eq 'Low')":                                        true,
		"severity eq 'Low' or severity eq 'High' and incidentId eq 42":   true,
		"(severity eq 'High' or severity eq 'Low') and incidentId eq 41": false,
		"severity eq 'High' or severity eq 'Low' and incidentId eq 41":   true,
		"not severity eq 'Low' and incidentId eq 42":                     true,
		"((severity eq 'High'))":                                         true,
	} {
		t.Run(filter, func(t *testing.T) {
			expr, err := Parse(strings.ReplaceAll(filter, "%2B", "+"), properties)
			require.NoError(t, err)
			assert.Equal(t, want, expr.Match(record))
		})
	}
}

func TestFilterRefuses(t *testing.T) {
	for filter, complaint := range map[string]string{
		"":                                     "property",
		"severity":                             "operator",
		"severity eq":                          "literal",
		"severity is 'High'":                   "operator",
		"severity eq High":                     "quoted",
		"severity gt 'High'":                   "enumeration",
		"severity eq 'High":                    "unterminated",
		"title eq 'x'":                         `"title"`,
		"Severity eq 'High'":                   `"Severity"`,
		"'severity' eq 'High'":                 "property",
		"(severity eq 'High'":                  "')'",
		"severity eq 'High')":                  "syntax",
		"severity eq 'High' or":                "property",
		"not":                                  "property",
		"severity eq 'High' severity eq 'Low'": "syntax",
		"lastUpdateTime ge '2026-11-22T10:00:00Z'":                                 "quoted",
		"lastUpdateTime ge 2026-11-22T10:00:00.12345678Z":                          "DateTimeOffset",
		"lastUpdateTime ge 2026-11-22T10:00:00.123456789Z":                         "DateTimeOffset",
		"lastUpdateTime ge 2026-11-22T10:00:00":                                    "DateTimeOffset",
		"lastUpdateTime ge 2026-11-22":                                             "DateTimeOffset",
		"incidentId eq '42'":                                                       "Int64",
		"incidentId eq 4.2":                                                        "Int64",
		strings.Repeat("(", 101) + "severity eq 'High'" + strings.Repeat(")", 101): "deeper",
	} {
		t.Run(filter, func(t *testing.T) {
			_, err := Parse(filter, properties)
			assert.ErrorContains(t, err, complaint)
		})
	}
}

func TestBounds(t *testing.T) {
	at := func(hour int) time.Time { return time.Date(2026, 11, 22, hour, 0, 0, 0, time.UTC) }
	const ten, twelve = "2026-11-22T10:00:00Z", "2026-11-22T12:00:00Z"
	for filter, want := range map[string]Interval{
		"lastUpdateTime ge " + ten + " and lastUpdateTime le " + twelve:                               {at(10), at(12)},
		"lastUpdateTime gt " + ten + " and (severity eq 'High' and lastUpdateTime lt " + twelve + ")": {at(10), at(12)},
		"lastUpdateTime ge " + ten + " and lastUpdateTime ge " + twelve:                               {From: at(12)},
		"lastUpdateTime le " + twelve + " and lastUpdateTime le " + ten:                               {To: at(10)},
		"lastUpdateTime eq " + ten:                            {at(10), at(10)},
		"lastUpdateTime ge " + ten + " or severity eq 'High'": {},
		"not lastUpdateTime ge " + ten:                        {},
		"resolvedTime ge " + ten:                              {},
		"lastUpdateTime ne null":                              {},
	} {
		expr, err := Parse(filter, properties)
		require.NoError(t, err)
		assert.Equal(t, want, Bounds(expr, "lastUpdateTime"), filter)
	}
	assert.Zero(t, Bounds(nil, "lastUpdateTime"))
}

// FuzzParse checks that no text makes the parser panic and that a match always lies within the bounds.
func FuzzParse(f *testing.F) {
	f.Add("lastUpdateTime ge 2026-11-22T10:00:00.1234567Z and not (severity eq 'High' or incidentId eq 42)")
	f.Add("assignedTo eq 'o''neil'")
	f.Add("((((")
	f.Add("lastUpdateTime le 2026-11-22T10:00:00+01:00 or 'x'")
	f.Fuzz(func(t *testing.T, text string) {
		expr, err := Parse(text, properties)
		if err != nil {
			return
		}
		in, updated := Bounds(expr, "lastUpdateTime"), record("lastUpdateTime").Time
		outside := (!in.From.IsZero() && updated.Before(in.From)) || (!in.To.IsZero() && updated.After(in.To))
		if outside && expr.Match(record) {
			t.Fatalf("%q matches outside of its bounds %v", text, in)
		}
	})
}
