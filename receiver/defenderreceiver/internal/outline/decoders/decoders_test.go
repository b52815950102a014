package decoders

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/bytedance/sonic"
	"github.com/go-json-experiment/json/jsontext"
	goccy "github.com/goccy/go-json"
	"github.com/minio/simdjson-go"
	"github.com/tidwall/gjson"
	"github.com/valyala/fastjson"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/outline"
)

// picked are the members of an Endpoint alert that are looked at, as text.
type picked struct {
	ID                stdjson.RawMessage `json:"id"`
	IncidentID        stdjson.RawMessage `json:"incidentId"`
	Title             stdjson.RawMessage `json:"title"`
	Category          stdjson.RawMessage `json:"category"`
	Status            stdjson.RawMessage `json:"status"`
	Classification    stdjson.RawMessage `json:"classification"`
	Determination     stdjson.RawMessage `json:"determination"`
	AssignedTo        stdjson.RawMessage `json:"assignedTo"`
	DetectionSource   stdjson.RawMessage `json:"detectionSource"`
	DetectorID        stdjson.RawMessage `json:"detectorId"`
	AlertCreationTime stdjson.RawMessage `json:"alertCreationTime"`
	LastUpdateTime    stdjson.RawMessage `json:"lastUpdateTime"`
	FirstEventTime    stdjson.RawMessage `json:"firstEventTime"`
	LastEventTime     stdjson.RawMessage `json:"lastEventTime"`
	ResolvedTime      stdjson.RawMessage `json:"resolvedTime"`
	MitreTechniques   stdjson.RawMessage `json:"mitreTechniques"`
	ThreatFamilyName  stdjson.RawMessage `json:"threatFamilyName"`
	ThreatName        stdjson.RawMessage `json:"threatName"`
	Evidence          stdjson.RawMessage `json:"evidence"`
	ComputerDNSName   stdjson.RawMessage `json:"computerDnsName"`
	MachineID         stdjson.RawMessage `json:"machineId"`
	RelatedUser       stdjson.RawMessage `json:"relatedUser"`
	AADTenantID       stdjson.RawMessage `json:"aadTenantId"`
	Severity          stdjson.RawMessage `json:"severity"`
}

func slots() map[string]int {
	slots := map[string]int{}
	for i, name := range []string{
		"id", "incidentId", "title", "category", "status", "classification", "determination", "assignedTo", "detectionSource", "detectorId",
		"alertCreationTime", "lastUpdateTime", "firstEventTime", "lastEventTime", "resolvedTime", "mitreTechniques", "threatFamilyName",
		"threatName", "evidence", "computerDnsName", "machineId", "relatedUser", "aadTenantId", "severity",
	} {
		slots[name] = i
	}
	return slots
}

var errInvalid = errors.New("not valid")

// BenchmarkDecoders proves a record valid and finds the 24 members that are looked at. What outline tells besides (how
// deep the record is, where it ends in a stream that goes on) costs the others a walk more.
func BenchmarkDecoders(b *testing.B) {
	for name, decoder := range map[string]func(record []byte, slots map[string]int, values [][]byte) func() error{
		"outline": func(record []byte, slots map[string]int, values [][]byte) func() error {
			var o outline.Outline
			return func() error {
				err := o.Read(record)
				for _, m := range o.Members {
					if slot, ok := slots[string(record[m.Name.Start:m.Name.End])]; ok {
						values[slot] = record[m.Value.Start:m.Value.End]
					}
				}
				return err
			}
		},
		"jsontext": func(record []byte, slots map[string]int, values [][]byte) func() error {
			r := bytes.NewReader(record)
			dec := jsontext.NewDecoder(r)
			return func() error {
				r.Reset(record)
				dec.Reset(r, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
				if _, err := dec.ReadToken(); err != nil {
					return err
				}
				for dec.PeekKind() == '"' {
					name, err := dec.ReadValue()
					if err != nil {
						return err
					}
					slot, ok := slots[string(name[1:len(name)-1])]
					value, err := dec.ReadValue()
					if err != nil {
						return err
					}
					if end := int(dec.InputOffset()); ok {
						values[slot] = record[end-len(value) : end]
					}
				}
				_, err := dec.ReadToken()
				return err
			}
		},
		"encoding-json": func(record []byte, _ map[string]int, _ [][]byte) func() error {
			return func() error { return stdjson.Unmarshal(record, new(picked)) }
		},
		"goccy-go-json": func(record []byte, _ map[string]int, _ [][]byte) func() error {
			return func() error { return goccy.Unmarshal(record, new(picked)) }
		},
		"sonic": func(record []byte, _ map[string]int, _ [][]byte) func() error {
			return func() error { return sonic.ConfigDefault.Unmarshal(record, new(picked)) }
		},
		"fastjson": func(record []byte, slots map[string]int, values [][]byte) func() error {
			var p fastjson.Parser
			return func() error {
				object, err := p.ParseBytes(record)
				if err != nil {
					return err
				}
				for name, slot := range slots {
					if value := object.Get(name); value != nil && value.Type() == fastjson.TypeString {
						values[slot] = value.GetStringBytes()
					}
				}
				return nil
			}
		},
		"gjson": func(record []byte, slots map[string]int, values [][]byte) func() error {
			return func() error {
				if !gjson.ValidBytes(record) {
					return errInvalid
				}
				gjson.ParseBytes(record).ForEach(func(name, value gjson.Result) bool {
					if slot, ok := slots[name.Str]; ok {
						values[slot] = record[value.Index : value.Index+len(value.Raw)]
					}
					return true
				})
				return nil
			}
		},
		"simdjson-go": func(record []byte, slots map[string]int, values [][]byte) func() error {
			var parsed *simdjson.ParsedJson
			return func() error {
				var err error
				if parsed, err = simdjson.Parse(record, parsed); err != nil {
					return err
				}
				it := parsed.Iter()
				it.AdvanceInto()
				_, root, err := it.Root(nil)
				if err != nil {
					return err
				}
				object, err := root.Object(nil)
				if err != nil {
					return err
				}
				var value simdjson.Iter
				for {
					name, kind, err := object.NextElementBytes(&value)
					if err != nil || kind == simdjson.TypeNone {
						return err
					}
					if slot, ok := slots[string(name)]; ok && kind == simdjson.TypeString {
						values[slot], _ = value.StringBytes()
					}
				}
			}
		},
	} {
		b.Run(name, func(b *testing.B) {
			record, slots := sample(b), slots()
			run := decoder(record, slots, make([][]byte, len(slots)))
			b.SetBytes(int64(len(record)))
			b.ReportAllocs()
			for b.Loop() {
				if err := run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func sample(b *testing.B) []byte {
	b.Helper()
	text, err := os.ReadFile("../../record/testdata/endpoint_alert_full.json")
	if err != nil {
		b.Fatal(err)
	}
	var out bytes.Buffer
	if err := stdjson.Compact(&out, text); err != nil {
		b.Fatal(err)
	}
	return out.Bytes()
}
