package outline_test

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/outline"
)

// BenchmarkRead stands beside what others need only to tell whether the same text is valid.
func BenchmarkRead(b *testing.B) {
	alert, err := os.ReadFile("../record/testdata/endpoint_alert_full.json")
	if err != nil {
		b.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, alert); err != nil {
		b.Fatal(err)
	}
	alert = compact.Bytes()
	var o outline.Outline
	for name, valid := range map[string]func() bool{
		"outline": func() bool { return o.Read(alert) == nil },
		"jsontext": func() bool {
			return jsontext.Value(alert).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
		},
		"encoding/json": func() bool { return json.Valid(alert) },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(alert)))
			b.ReportAllocs()
			for b.Loop() {
				if !valid() {
					b.Fatal("not valid")
				}
			}
		})
	}
}
