package e2e_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// oddTime is a time as an API may write it, and what it says, zero for nothing.
type oddTime struct {
	written string
	says    time.Time
}

func oddTimes() []oddTime {
	at := time.Date(2026, 11, 22, 13, 50, 4, 0, time.UTC)
	return []oddTime{
		{"2026-11-22T13:50:04Z", at},
		{"2026-11-22T13:50:04", at}, // without a zone, as Microsoft's own clients read it
		{"2026-11-22T13:50:04.1234567", at.Add(123456700)},
		{"2026-11-22T15:50:04+02:00", at},
		{"2026-11-22T13:50:04+00:00", at},
		{"2026-11-22T08:20:04.5-05:30", at.Add(500 * time.Millisecond)},
		{"0001-01-01T00:00:00Z", time.Time{}}, // .NET's least
		{"0001-01-01T00:00:00", time.Time{}},
		{"1601-01-01T00:00:00Z", time.Time{}}, // that of Windows
		{"9999-12-31T23:59:59.9999999Z", time.Time{}},
		{"", time.Time{}},
		{"yesterday", time.Time{}},
	}
}

// A time is in its field right or not at all, however the API writes it, and the log is silent about it.
func TestOddTimesAreRightOrAbsentInTheSchemas(t *testing.T) {
	t.Parallel()
	updated := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	for _, m := range mappings(t) {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, 1)
			s.env = append(s.env, "TZ=America/New_York") // where the collector runs must not matter
			want := map[string]time.Time{}
			for i, odd := range oddTimes() {
				id := s.cloud.World.Put(s.tenants[0].id, world.Alert{
					Updated: updated.Add(time.Duration(i) * time.Second), Created: updated.Add(-time.Minute), Sources: []world.Source{world.GraphAlerts},
					Members: object{"firstActivityDateTime": odd.written, "lastActivityDateTime": odd.written},
				})[0]
				want[id] = odd.says
			}
			records, failed := s.mapped(&m)
			assert.Empty(t, failed)
			assert.Len(t, records, len(want))
			for _, r := range records {
				says := want[r.attributes["microsoft.defender.alert.id"].(string)]
				written := r.attributes["microsoft.defender.first_activity"]
				for _, got := range m.activity(t, r.event) {
					if says.IsZero() && m.name == "asim" { // these columns are mandatory, and have the alert's own times then
						assert.WithinRange(t, got, updated.Add(-time.Minute), updated.Add(time.Minute), "%v", written)
						continue
					}
					assert.WithinDuration(t, says, got, time.Millisecond, "%v", written)
				}
			}
		})
	}
}

// activity reads when the activity of an alert began and ended, zero where the event does not say.
func (m *mapping) activity(t *testing.T, event object) (times []time.Time) {
	t.Helper()
	fields := map[string][][]string{
		"ocsf": {{"finding_info", "first_seen_time"}, {"finding_info", "last_seen_time"}, {"start_time"}, {"end_time"}},
		"ecs":  {{"event", "start"}, {"event", "end"}},
		"asim": {{"EventStartTime"}, {"EventEndTime"}},
	}[m.name]
	for _, field := range fields {
		var of time.Time
		switch value := at(event, field...).(type) {
		case int64:
			of = time.UnixMilli(value)
		case string:
			var err error
			of, err = time.Parse(time.RFC3339Nano, value)
			require.NoError(t, err)
		default:
			assert.Nil(t, value)
		}
		times = append(times, of)
	}
	return times
}
