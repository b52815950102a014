package odata

import (
	"fmt"
	"math"
	"time"
)

// Instant is a point in time in ticks of 100 ns since the Unix epoch: the resolution of Microsoft's APIs. Two versions
// of a record may differ by one tick, so instants are compared as they are and never rounded.
type Instant int64

const (
	tick           = 100 * time.Nanosecond
	ticksPerSecond = int64(time.Second / tick)
	layout         = "2006-01-02T15:04:05.9999999Z"
)

// FromTime returns the last tick that is not after t.
func FromTime(t time.Time) Instant {
	return Instant(t.Unix()*ticksPerSecond + int64(t.Nanosecond())/int64(tick))
}

// Time returns the instant in UTC.
func (i Instant) Time() time.Time {
	second, rest := int64(i)/ticksPerSecond, int64(i)%ticksPerSecond
	return time.Unix(second, rest*int64(tick)).UTC()
}

// String returns the instant as it stands in a $filter: UTC, a Z, at most seven digits of a second.
func (i Instant) String() string { return i.Time().Format(layout) }

// Add returns the instant d later; a part of d below one tick is dropped.
func (i Instant) Add(d time.Duration) Instant { return i + Instant(d/tick) }

// Sub returns how long i is after earlier. Beyond 292 years it returns the longest duration there is.
func (i Instant) Sub(earlier Instant) time.Duration {
	const most = math.MaxInt64 / int64(tick)
	ticks := int64(i - earlier)
	switch {
	case ticks > most:
		return math.MaxInt64
	case ticks < -most:
		return math.MinInt64
	}
	return time.Duration(ticks) * tick
}

// ParseInstant reads a time of RFC 3339 with zero to nine digits after the second, of which those beyond the seventh
// are cut off, never rounded: a cursor that was rounded up would lose what lies between. A time without an offset is
// taken as UTC. Years run from 1 to 9999. It allocates only for an error.
func ParseInstant[T ~string | ~[]byte](text T) (Instant, error) {
	p := timeText[T]{text: text}
	year := p.number(4)
	p.byte('-', '-')
	month := p.number(2)
	p.byte('-', '-')
	day := p.number(2)
	p.byte('T', 't')
	hour := p.number(2)
	p.byte(':', ':')
	minute := p.number(2)
	p.byte(':', ':')
	second := p.number(2)
	ticks := p.fraction()
	offset := p.offset()
	if p.bad || p.at != len(text) || hour > 23 || minute > 59 || second > 59 {
		return 0, unreadable(text)
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	if t.Day() != day || int(t.Month()) != month { // the 31st of February, the 13th month
		return 0, unreadable(text)
	}
	instant := Instant((t.Unix()-offset)*ticksPerSecond + ticks)
	if instant < earliest || instant > latest {
		return 0, unreadable(text)
	}
	return instant, nil
}

// The first tick of the year 1 and the last of the year 9999, which are .NET's own bounds.
const (
	earliest Instant = -62135596800 * Instant(ticksPerSecond)
	latest   Instant = 253402300800*Instant(ticksPerSecond) - 1
)

func unreadable[T ~string | ~[]byte](text T) error {
	return fmt.Errorf("reading %.40q: not a time of RFC 3339", string(text))
}

// timeText reads the parts of a time one after the other; bad is set at the first that is not there.
type timeText[T ~string | ~[]byte] struct {
	text T
	at   int
	bad  bool
}

func (p *timeText[T]) peek() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

func (p *timeText[T]) byte(one, other byte) {
	if c := p.peek(); c != one && c != other {
		p.bad = true
	}
	p.at++
}

func (p *timeText[T]) number(digits int) int {
	n := 0
	for range digits {
		c := p.peek()
		if c < '0' || c > '9' {
			p.bad = true
			return 0
		}
		n = n*10 + int(c-'0')
		p.at++
	}
	return n
}

// fraction reads the digits after the second, if any, as ticks.
func (p *timeText[T]) fraction() int64 {
	if p.peek() != '.' {
		return 0
	}
	p.at++
	ticks, scale, digits := int64(0), ticksPerSecond/10, 0
	for c := p.peek(); c >= '0' && c <= '9'; c = p.peek() {
		ticks += int64(c-'0') * scale
		scale /= 10
		digits++
		p.at++
	}
	if digits == 0 || digits > 9 {
		p.bad = true
	}
	return ticks
}

// offset reads Z, an offset as in +02:00 or nothing at all, and returns the seconds east of Greenwich.
func (p *timeText[T]) offset() int64 {
	sign := int64(1)
	switch p.peek() {
	case 'Z', 'z':
		p.at++
		return 0
	case '-':
		sign = -1
	case '+':
	default:
		return 0
	}
	p.at++
	hours := p.number(2)
	p.byte(':', ':')
	minutes := p.number(2)
	if hours > 23 || minutes > 59 {
		p.bad = true
	}
	return sign * int64(hours*3600+minutes*60)
}

// MarshalText writes the instant as String does.
func (i Instant) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText reads what ParseInstant takes.
func (i *Instant) UnmarshalText(text []byte) error {
	parsed, err := ParseInstant(text)
	*i = parsed
	return err
}
