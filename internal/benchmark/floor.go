package main

import (
	"bytes"
	"encoding/json"
	"io"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// floor is the least work there is: the answer is read as a stream, each record is walked once for 25 members, and
// becomes a log record with its text as body. Nothing is checked, remembered or bounded.
func floor(body io.Reader, emit func(plog.Logs)) error {
	b, attributes := batcher{emit: emit}, picked()
	buf := make([]byte, 0, 256<<10)
	started := false
	for {
		if cap(buf)-len(buf) < 32<<10 {
			buf = append(make([]byte, 0, 2*cap(buf)), buf...)
		}
		n, err := body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if !started {
			start := bytes.Index(buf, []byte(`"value":[`))
			if start < 0 {
				continue
			}
			buf, started = buf[start+len(`"value":[`):], true
		}
		rest := floorRecords(buf, func(raw []byte) { floorRecord(b.next(), raw, attributes) })
		buf = buf[:copy(buf[:cap(buf)], rest)]
		if err == io.EOF {
			b.flush()
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// floorRecords takes the whole records off the beginning of a text, and returns what is left.
func floorRecords(rest []byte, take func([]byte)) []byte {
	for len(rest) > 0 {
		if rest[0] != '{' {
			rest = rest[1:]
			continue
		}
		end := valueEnd(rest, 0)
		if end < 0 {
			break
		}
		take(rest[:end])
		rest = rest[end:]
	}
	return rest
}

// picked are the members that become attributes.
func picked() map[string]string {
	return map[string]string{
		"id": "microsoft.defender.alert.id", "incidentId": "microsoft.defender.incident.id", "title": "microsoft.defender.title",
		"category": "microsoft.defender.category", "status": "microsoft.defender.status", "classification": "microsoft.defender.classification",
		"determination": "microsoft.defender.determination", "assignedTo": "microsoft.defender.assigned_to",
		"detectionSource": "microsoft.defender.detection_source", "detectorId": "microsoft.defender.detector.id",
		"alertCreationTime": "microsoft.defender.created", "lastUpdateTime": "microsoft.defender.updated",
		"firstEventTime": "microsoft.defender.first_activity", "lastEventTime": "microsoft.defender.last_activity",
		"resolvedTime": "microsoft.defender.resolved", "threatFamilyName": "microsoft.defender.threat.family",
		"threatName": "microsoft.defender.threat.name", "computerDnsName": "host.name", "machineId": "host.id",
		"aadTenantId": "azure.tenant.id", "investigationState": "microsoft.defender.investigation.state",
		"rbacGroupName": "microsoft.defender.group", "severity": "microsoft.defender.severity",
		"mitreTechniques": "microsoft.defender.mitre.techniques", "relatedUser": "user.name",
	}
}

func floorRecord(lr plog.LogRecord, raw []byte, attributeOf map[string]string) {
	lr.Body().SetStr(string(raw))
	attributes := lr.Attributes()
	attributes.EnsureCapacity(len(attributeOf))
	for i := 1; i < len(raw) && raw[i] != '}'; {
		nameEnd := valueEnd(raw, i)
		name := raw[i+1 : nameEnd-1]
		valueStart := nameEnd + 1
		valueStop := valueEnd(raw, valueStart)
		if attribute, ok := attributeOf[string(name)]; ok {
			floorValue(attributes, attribute, raw[valueStart:valueStop])
		}
		if i = valueStop; i < len(raw) && raw[i] == ',' {
			i++
		}
	}
}

func floorValue(to pcommon.Map, key string, value []byte) {
	if value[0] == 'n' {
		return
	}
	text := value
	if value[0] == '"' {
		if text = value[1 : len(value)-1]; bytes.IndexByte(text, '\\') >= 0 {
			var s string
			_ = json.Unmarshal(value, &s)
			text = []byte(s)
		}
	}
	if key == "microsoft.defender.updated" {
		at, _ := time.Parse(time.RFC3339Nano, string(text))
		_ = at
	}
	to.PutStr(key, string(text))
}

// valueEnd returns the place after the value at i, which has no white space around it; -1 where it is not whole.
func valueEnd(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			if i = stringEnd(b, i); i < 0 {
				return -1
			}
		case '{', '[':
			depth++
			i++
			continue
		case '}', ']':
			if depth == 0 {
				return i
			}
			depth--
			i++
		case ',':
			if depth == 0 {
				return i
			}
			i++
			continue
		default:
			i++
			continue
		}
		if depth == 0 {
			return i
		}
	}
	return -1
}

func stringEnd(b []byte, i int) int {
	for i++; ; i++ {
		k := bytes.IndexByte(b[i:], '"')
		if k < 0 {
			return -1
		}
		i += k
		backslashes := 0
		for b[i-1-backslashes] == '\\' {
			backslashes++
		}
		if backslashes%2 == 0 {
			return i + 1
		}
	}
}
