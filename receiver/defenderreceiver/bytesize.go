package defenderreceiver

import (
	"fmt"
	"strconv"
	"strings"
)

// ByteSize is a number of bytes, written as a plain number or with a unit: 256MiB, 64MB, 1GiB.
type ByteSize int64

// UnmarshalText reads a size. The units are those of IEC (KiB, 1024) and of the metric system (KB, 1000).
func (s *ByteSize) UnmarshalText(text []byte) error {
	number, unit := strings.TrimSpace(string(text)), int64(1)
	for _, u := range []struct {
		suffix string
		size   int64
	}{
		{"KiB", 1 << 10},
		{"MiB", 1 << 20},
		{"GiB", 1 << 30},
		{"KB", 1e3},
		{"MB", 1e6},
		{"GB", 1e9},
		{"B", 1},
	} {
		if rest, found := strings.CutSuffix(number, u.suffix); found {
			number, unit = strings.TrimSpace(rest), u.size
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > (1<<62)/unit {
		return fmt.Errorf("%q is not a size: it takes a number of bytes or a number with KiB, MiB or GiB, such as 256MiB", text)
	}
	*s = ByteSize(n * unit)
	return nil
}

// MarshalText writes the size in bytes.
func (s ByteSize) MarshalText() ([]byte, error) { return strconv.AppendInt(nil, int64(s), 10), nil }
