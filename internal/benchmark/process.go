package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// ticksPerSecond is the unit of the times in /proc, the same on every Linux that Go runs on.
const ticksPerSecond = 100

// cpuOf is the time that a process has taken so far.
func cpuOf(pid string) (time.Duration, error) {
	text, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(text), ") ") // the name before may hold anything
	fields := strings.Fields(after)
	if len(fields) < 13 {
		return 0, errors.New("/proc/" + pid + "/stat: too short")
	}
	var user, system int64
	if _, err := fmt.Sscan(fields[11], &user); err != nil {
		return 0, err
	}
	if _, err := fmt.Sscan(fields[12], &system); err != nil {
		return 0, err
	}
	return time.Duration(user+system) * time.Second / ticksPerSecond, nil
}

// The places in a bbolt file: a page's header, then the meta data, of which the transaction's number is the last but one.
const (
	metaPage = 4096
	txidAt   = 16 + 16 + 16 + 8 + 8
)

// transactions is the number of the last transaction that was written to the collector's storage.
func (d *deployment) transactions() (uint64, error) {
	files, err := filepath.Glob(filepath.Join(d.dir, "state", "*"))
	if err != nil || len(files) != 1 {
		return 0, fmt.Errorf("%d files of checkpoints instead of 1", len(files))
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		return 0, err
	}
	if len(text) < 2*metaPage {
		return 0, errors.New(files[0] + ": too short")
	}
	return max(binary.NativeEndian.Uint64(text[txidAt:]), binary.NativeEndian.Uint64(text[metaPage+txidAt:])), nil
}
