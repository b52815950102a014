package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"

	"go.opentelemetry.io/collector/pdata/plog"
)

// usage is what a program says of itself at its end.
type usage struct {
	Records int    `json:"records"`
	Allocs  uint64 `json:"allocs"`
	Bytes   uint64 `json:"bytes"`
	Peak    int64  `json:"peak"` // resident bytes
}

// begin returns a function that prints what was allocated since, and for how many records.
func begin() (end func(records int) error) {
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	return func(records int) error {
		var after runtime.MemStats
		runtime.ReadMemStats(&after)
		return json.NewEncoder(os.Stdout).Encode(usage{records, after.Mallocs - before.Mallocs, after.TotalAlloc - before.TotalAlloc, peak("self")})
	}
}

// readPages reads all alerts page by page.
func readPages(ctx context.Context, o options, read func(io.Reader, func(plog.Logs)) error) error {
	end, records := begin(), 0
	for skip := 0; skip < o.alerts; skip += o.page {
		address := fmt.Sprintf("%s?top=%d&skip=%d", o.url, o.page, skip)
		if err := readPage(ctx, address, func(body io.Reader) error {
			return read(body, func(logs plog.Logs) { records += logs.LogRecordCount() })
		}); err != nil {
			return err
		}
	}
	if records != o.alerts {
		return fmt.Errorf("%d records instead of %d", records, o.alerts)
	}
	return end(records)
}

func readPage(ctx context.Context, address string, read func(io.Reader) error) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return read(resp.Body)
}
