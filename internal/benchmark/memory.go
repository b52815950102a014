package main

import (
	"fmt"
	"os"
	"strings"
)

// peak is the largest resident size of a process so far, in bytes; 0 where the system does not tell. What wait reports
// would not do: it counts the process that started it.
func peak(pid string) int64 { return status(pid, "VmHWM:") }

// resident is what a process holds now.
func resident(pid string) int64 { return status(pid, "VmRSS:") }

func status(pid, field string) (bytes int64) {
	text, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		return 0
	}
	if _, after, found := strings.Cut(string(text), field); found {
		_, _ = fmt.Sscan(after, &bytes)
	}
	return bytes << 10
}
