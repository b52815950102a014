package main

import (
	"encoding/json"
	"fmt"
	"io"

	"go.opentelemetry.io/collector/pdata/plog"
)

// baseline is what a plain program does: the whole answer into maps, the members from there, each record back into text.
func baseline(body io.Reader, emit func(plog.Logs)) error {
	var page struct {
		Value []map[string]any `json:"value"`
	}
	if err := json.NewDecoder(body).Decode(&page); err != nil {
		return err
	}
	b, attributes := batcher{emit: emit}, picked()
	for _, record := range page.Value {
		text, err := json.Marshal(record)
		if err != nil {
			return err
		}
		lr := b.next()
		lr.Body().SetStr(string(text))
		for member, attribute := range attributes {
			if value, ok := record[member]; ok && value != nil {
				lr.Attributes().PutStr(attribute, fmt.Sprint(value))
			}
		}
	}
	b.flush()
	return nil
}

// batcher hands a thousand records on at a time, as the receiver does.
type batcher struct {
	emit    func(plog.Logs)
	logs    plog.Logs
	records plog.LogRecordSlice
	n       int
}

func (b *batcher) next() plog.LogRecord {
	if b.n == 1000 {
		b.flush()
	}
	if b.n == 0 {
		b.logs = plog.NewLogs()
		b.records = b.logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	}
	b.n++
	return b.records.AppendEmpty()
}

func (b *batcher) flush() {
	if b.n > 0 {
		b.emit(b.logs)
	}
	b.n = 0
}
