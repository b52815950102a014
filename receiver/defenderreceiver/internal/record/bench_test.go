package record

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
)

const benchRecords = 1000

// benchPage is a page of 1,000 alerts of about 3.6 KB.
func benchPage(tb testing.TB) (page []byte) {
	tb.Helper()
	alert := compact(tb, "endpoint_alert")
	page = append(page, `{"value":[`...)
	for i := range benchRecords {
		if i > 0 {
			page = append(page, ',')
		}
		page = append(page, alert...)
	}
	return append(page, `]}`...)
}

// compact is a sample without the white space that the APIs do not send either.
func compact(tb testing.TB, sample string) []byte {
	tb.Helper()
	text, err := os.ReadFile("testdata/" + sample + "_full.json")
	require.NoError(tb, err)
	var out bytes.Buffer
	require.NoError(tb, json.Compact(&out, text))
	return out.Bytes()
}

func BenchmarkParse(b *testing.B) {
	for sample, schema := range sources() {
		b.Run(sample, func(b *testing.B) {
			text, rec := compact(b, sample), new(Record)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if err := schema.Parse(text, rec); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendTo(b *testing.B) {
	for sample, schema := range sources() {
		for body, opt := range map[string]Options{"raw": {}, "map": {BodyMap: true}} {
			b.Run(sample+"/"+body, func(b *testing.B) {
				text, rec := compact(b, sample), new(Record)
				require.NoError(b, schema.Parse(text, rec))
				emission := Emission{Source: "source", UID: "uid", Observed: time.Now()}
				b.SetBytes(int64(len(text)))
				b.ReportAllocs()
				for b.Loop() {
					schema.AppendTo(plog.NewLogRecordSlice(), rec, opt, emission)
				}
			})
		}
	}
}

// BenchmarkPage is the whole way: split, parse, identify, append. The numbers are for a page of 1,000 records.
func BenchmarkPage(b *testing.B) {
	page := benchPage(b)
	schema, now, reader, rec := EndpointAlert(), time.Now(), odata.NewReader(odata.Limits{}), new(Record)
	b.SetBytes(int64(len(page)))
	b.ReportAllocs()
	for b.Loop() {
		records := plog.NewLogs().ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
		_, err := reader.Page(bytes.NewReader(page), func(e odata.Element) error {
			if err := schema.ParseOutlined(e.Raw, e.Outline, rec); err != nil {
				return err
			}
			uid := UID(rec.TenantID, "endpoint_alerts", rec.ID, rec.Updated)
			schema.AppendTo(records, rec, Options{}, Emission{Source: "endpoint_alerts", UID: uid, Observed: now})
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBaseline is the same page decoded into maps, as most pipelines do it.
func BenchmarkBaseline(b *testing.B) {
	page := benchPage(b)
	b.SetBytes(int64(len(page)))
	b.ReportAllocs()
	for b.Loop() {
		records := plog.NewLogs().ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
		var answer struct {
			Value []map[string]any `json:"value"`
		}
		if err := json.NewDecoder(bytes.NewReader(page)).Decode(&answer); err != nil {
			b.Fatal(err)
		}
		for _, alert := range answer.Value {
			lr := records.AppendEmpty()
			if err := lr.Body().SetEmptyMap().FromRaw(alert); err != nil {
				b.Fatal(err)
			}
			for _, key := range []string{"id", "title", "category", "status", "severity", "lastUpdateTime", "alertCreationTime", "machineId"} {
				if text, ok := alert[key].(string); ok {
					lr.Attributes().PutStr(key, text)
				}
			}
		}
	}
}
