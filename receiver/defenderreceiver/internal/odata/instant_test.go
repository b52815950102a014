package odata

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseInstant(t *testing.T) {
	day := time.Date(2026, 11, 22, 13, 50, 4, 0, time.UTC)
	for _, tt := range []struct {
		text string
		want time.Time
	}{
		{"2026-11-22T13:50:04Z", day},
		{"2026-11-22t13:50:04z", day},
		{"2026-11-22T13:50:04", day},
		{"2026-11-22T13:50:04.5", day.Add(500 * time.Millisecond)},
		{"2026-11-22T13:50:04.1234567Z", day.Add(123456700)},
		{"2026-11-22T13:50:04.19Z", day.Add(190 * time.Millisecond)},
		{"2026-11-22T13:50:04.0000001Z", day.Add(100)},
		{"2026-11-22T13:50:04.123456799Z", day.Add(123456700)},
		{"2026-11-22T13:50:04.999999999Z", day.Add(999999900)},
		{"2026-11-22T15:50:04+02:00", day},
		{"2026-11-22T08:20:04.1-05:30", day.Add(100 * time.Millisecond)},
		{"2024-02-29T00:00:00Z", time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)},
		{"1969-12-31T23:59:59.9999999Z", time.Unix(0, -100)},
		{"0001-01-01T00:00:00Z", time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)},
		{"9999-12-31T23:59:59.9999999Z", time.Date(9999, 12, 31, 23, 59, 59, 999999900, time.UTC)},
	} {
		t.Run(tt.text, func(t *testing.T) {
			got, err := ParseInstant(tt.text)
			require.NoError(t, err)
			assert.True(t, tt.want.Equal(got.Time()), "%s", got)
			fromBytes, err := ParseInstant([]byte(tt.text))
			require.NoError(t, err)
			assert.Equal(t, got, fromBytes)
		})
	}
}

func TestParseInstantRefuses(t *testing.T) {
	for _, text := range []string{
		"", "null", "2026", "2026-11-22", "2026-11-22Z", "2026-11-22T13:50Z", "2026-11-22 13:50:04Z",
		"2026-13-22T13:50:04Z", "2026-00-22T13:50:04Z", "2026-02-29T13:50:04Z", "2026-11-31T13:50:04Z", "2026-11-00T13:50:04Z",
		"2026-11-22T24:00:00Z", "2026-11-22T13:60:04Z", "2026-11-22T13:50:60Z", "2026-11-22T13:50:04.Z",
		"2026-11-22T13:50:04.1234567891Z", "2026-11-22T13:50:04,5Z", "2026-11-22T13:50:04+0200", "2026-11-22T13:50:04+24:00",
		"2026-11-22T13:50:04+02:60", "2026-11-22T13:50:04Z ", " 2026-11-22T13:50:04Z", "2026-11-22T13:50:04ZZ", "0000-12-31T23:59:59Z",
		"-026-11-22T13:50:04Z", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "20261122T135004Z", "2026-11-22T13:50:04\x00",
	} {
		_, err := ParseInstant(text)
		require.Error(t, err, text)
	}
	_, err := ParseInstant(string(make([]byte, 1<<16)))
	require.Error(t, err)
	assert.Less(t, len(err.Error()), 300, "the error must not repeat what it was given")
}

func TestInstantAsFilterLiteral(t *testing.T) {
	for in, want := range map[string]string{
		"2026-11-22T13:50:04.1234567Z":     "2026-11-22T13:50:04.1234567Z",
		"2026-11-22T13:50:04.1900000Z":     "2026-11-22T13:50:04.19Z",
		"2026-11-22T13:50:04.000Z":         "2026-11-22T13:50:04Z",
		"2026-11-22T15:50:04.5+02:00":      "2026-11-22T13:50:04.5Z",
		"0001-01-01T00:00:00.0000001Z":     "0001-01-01T00:00:00.0000001Z",
		"1969-12-31T23:59:59.123456789Z":   "1969-12-31T23:59:59.1234567Z",
		"9999-12-31T23:59:59.9999999Z":     "9999-12-31T23:59:59.9999999Z",
		"0099-12-31T23:59:59.999999999Z":   "0099-12-31T23:59:59.9999999Z",
		"2026-11-22T13:50:04.123456700Z":   "2026-11-22T13:50:04.1234567Z",
		"2026-11-22T13:50:04.000000099Z":   "2026-11-22T13:50:04Z",
		"2026-11-22T13:50:04.1234567+00:0": "",
	} {
		got, err := ParseInstant(in)
		if want == "" {
			require.Error(t, err, in)
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, want, got.String())
	}
}

func TestFromTimeTakesTheTickBefore(t *testing.T) {
	base := time.Date(2026, 11, 22, 13, 50, 4, 0, time.UTC)
	assert.Equal(t, FromTime(base), FromTime(base.Add(99)))
	assert.Equal(t, FromTime(base)+1, FromTime(base.Add(100)))
	assert.Equal(t, FromTime(base)-1, FromTime(base.Add(-1)))
	assert.Equal(t, Instant(-1), FromTime(time.Unix(0, -1)))
	assert.Equal(t, FromTime(base), FromTime(base.In(time.FixedZone("east", 7200))))
}

func TestInstantArithmetic(t *testing.T) {
	i := FromTime(time.Date(2026, 11, 22, 13, 50, 4, 0, time.UTC))
	assert.Equal(t, i+1, i.Add(199))
	assert.Equal(t, i-600_000_000, i.Add(-time.Minute))
	assert.Equal(t, 90*time.Second, i.Add(90*time.Second).Sub(i))
	assert.Equal(t, -90*time.Second, i.Sub(i.Add(90*time.Second)))
	assert.Equal(t, time.Duration(math.MaxInt64), latest.Sub(earliest))
	assert.Equal(t, time.Duration(math.MinInt64), earliest.Sub(latest))
}

func TestParseInstantDoesNotAllocate(t *testing.T) {
	text := []byte("2026-11-22T13:50:04.1234567Z")
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		if _, err := ParseInstant(text); err != nil {
			t.Fatal(err)
		}
	}))
}

// FuzzParseInstant compares with time.Parse, which takes all we take, except what we say we take beyond RFC 3339.
func FuzzParseInstant(f *testing.F) {
	for _, seed := range []string{
		"2026-11-22T13:50:04.1234567Z", "2026-11-22T13:50:04", "2024-02-29T23:59:59.999999999+23:59", "0001-01-01T00:00:00Z",
		"9999-12-31T23:59:59.9999999Z", "2026-11-31T13:50:04Z", "2026-11-22t13:50:04z", "2026-11-22T13:50:04,1Z", "2026-1-2T3:4:5Z",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseInstant(text)
		want, wantErr := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			if wantErr == nil && ours(text, want) {
				t.Fatalf("refused %q, which is %s", text, want)
			}
			return
		}
		if again, err := ParseInstant(got.String()); err != nil || again != got {
			t.Fatalf("%q became %s, which reads as %s, %v", text, got, again, err)
		}
		if FromTime(got.Time()) != got {
			t.Fatalf("%q does not survive time.Time", text)
		}
		if wantErr == nil && FromTime(want) != got {
			t.Fatalf("%q read as %s, not %s", text, got, want)
		}
	})
}

// ours tells whether a text that time.Parse takes is one that we promise to take.
func ours(text string, at time.Time) bool {
	if year := at.UTC().Year(); year < 1 || year > 9999 || text[:4] == "0000" {
		return false
	}
	if len(text) < 20 || text[13] != ':' { // Go takes an hour of one digit
		return false
	}
	fraction := 0
	for i := 20; text[19] == '.' && i < len(text) && text[i] >= '0' && text[i] <= '9'; i++ {
		fraction++
	}
	if text[19] == ',' || fraction > 9 {
		return false
	}
	_, offset := at.Zone()
	return offset > -24*3600 && offset < 24*3600
}

func BenchmarkParseInstant(b *testing.B) {
	text := []byte("2026-11-22T13:50:04.1234567Z")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseInstant(text); err != nil {
			b.Fatal(err)
		}
	}
}
