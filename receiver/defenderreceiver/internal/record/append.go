package record

import (
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
)

// Timestamp names the time that a log record carries, as the configuration writes it.
type Timestamp string

// The times. Where a record has no such time, or one that a timestamp cannot hold, it is the update time.
const (
	Updated      Timestamp = "updated"
	Created      Timestamp = "created"
	LastActivity Timestamp = "last_activity"
)

// Options are what a receiver's configuration says about its log records.
type Options struct {
	// Timestamp is the time that a log record carries; Updated if empty.
	Timestamp Timestamp
	// BodyMap makes the body a map instead of the text.
	BodyMap bool
	// Split is what AppendParts splits a record into, and SplitParent makes the body of a part the whole record with
	// the part in place of the array.
	Split       Split
	SplitParent bool
}

// Emission is what a log record says that its text does not know.
type Emission struct {
	// Source is the source's key in the configuration.
	Source string
	// UID is what UID returned for the version.
	UID string
	// Observed is when the receiver read the record.
	Observed time.Time
	// Update tells that an earlier version of the record was emitted.
	Update bool
}

// AppendTo adds a log record for a record that Parse has read with the same schema. The log record refers to nothing of
// the record's text.
func (s *Schema) AppendTo(lrs plog.LogRecordSlice, rec *Record, opt Options, e Emission) {
	w := writer{rec: rec, body: string(rec.doc)}
	lr := lrs.AppendEmpty()
	w.head(lr, s, opt, e)
	w.setBody(lr.Body(), opt)
	w.attributes(s, e)
	w.builder.UnsafeIntoMap(lr.Attributes())
}

// head sets what is neither the body nor an attribute.
func (w *writer) head(lr plog.LogRecord, s *Schema, opt Options, e Emission) {
	lr.SetEventName(s.event)
	lr.SetTimestamp(s.timestamp(w.rec, opt.Timestamp))
	lr.SetObservedTimestamp(pcommon.NewTimestampFromTime(e.Observed))
	if severity := w.text(w.rec.at(s.severity)); severity != "" {
		lr.SetSeverityText(severity)
		lr.SetSeverityNumber(severityNumber(severity))
	}
}

// timestamp returns the time that which names.
func (s *Schema) timestamp(rec *Record, which Timestamp) pcommon.Timestamp {
	slot := absent
	switch which {
	case Created:
		slot = s.created
	case LastActivity:
		slot = s.lastActivity
	}
	if instant, ok := rec.instant(slot); ok {
		if at := nanoseconds(instant); at != 0 {
			return at
		}
	}
	return nanoseconds(rec.Updated)
}

// nanoseconds returns 0 for what is outside the years from 1970 to 2554, as .NET's smallest time is, which stands for
// none.
func nanoseconds(instant odata.Instant) pcommon.Timestamp {
	const latest = 1<<64/100 - 1
	if instant < 0 || uint64(instant) > latest {
		return 0
	}
	return pcommon.Timestamp(uint64(instant) * 100)
}

// severityNumber knows the severities of all sources, whose case differs.
func severityNumber(text string) plog.SeverityNumber {
	for _, known := range []struct {
		name   string
		number plog.SeverityNumber
	}{
		{"informational", plog.SeverityNumberInfo},
		{"low", plog.SeverityNumberInfo3},
		{"medium", plog.SeverityNumberWarn},
		{"high", plog.SeverityNumberError},
	} {
		if strings.EqualFold(text, known.name) {
			return known.number
		}
	}
	return plog.SeverityNumberUnspecified
}
