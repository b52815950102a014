package odata

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// alertText is shaped like an endpoint alert of 3.6 KB with three evidence entries.
func alertText() string {
	evidence := `{"entityType":"Process","evidenceCreationTime":"2026-11-22T13:50:04.1234567Z","sha1":"ff836cfb1af40252bd2a2ea843032e99a5b262ed",` +
		`"sha256":"a4752c71d81afd3d5865d24ddb11a6b0c615062fcc448d24050c2172d2cbccd6","fileName":"rundll32.exe","filePath":"C:\\Windows\\SysWOW64",` +
		`"processId":3276,"processCommandLine":"rundll32.exe  \"c:\\ProgramData\\My App\\WinPrep.dll\",#1","processCreationTime":"2026-11-22T13:49:59.1Z",` +
		`"parentProcessId":8420,"parentProcessCreationTime":"2026-11-22T13:49:58Z","parentProcessFileName":"cmd.exe","parentProcessFilePath":"C:\\Windows\\System32",` +
		`"ipAddress":null,"url":null,"registryKey":null,"registryHive":null,"registryValueType":null,"registryValue":null,"accountName":"jane","domainName":"CONTOSO",` +
		`"userSid":"S-1-5-21-1-2-3-1001","aadUserId":null,"userPrincipalName":"jane@contoso.example","detectionStatus":"Detected"}`
	return `{"id":"da637472900382838869_1364969609","incidentId":1126093,"investigationId":null,"assignedTo":null,"severity":"Low","status":"New",` +
		`"classification":null,"determination":null,"investigationState":"Queued","detectionSource":"WindowsDefenderAtp","detectorId":"17e10bbc-3a68-474a-8aad-faef14d43952",` +
		`"category":"Execution","threatFamilyName":null,"title":"Low-reputation arbitrary code executed by signed executable",` +
		`"description":"` + strings.Repeat("Binaries signed by a trusted publisher can be used to run code of another. ", 7) + `","alertCreationTime":"2026-11-22T13:50:04.1234567Z",` +
		`"firstEventTime":"2026-11-22T13:49:59.1Z","lastEventTime":"2026-11-22T13:50:01Z","lastUpdateTime":"2026-11-22T13:51:44.53Z","resolvedTime":null,` +
		`"machineId":"111e6dd8c833c8a052ea231ec1b19adaf497b625","computerDnsName":"temp123.middleeast.corp.example.com","rbacGroupName":"A",` +
		`"aadTenantId":"a839b112-1253-6432-9bf6-94542403f21c","threatName":null,"mitreTechniques":["T1064","T1085","T1220"],` +
		`"relatedUser":{"userName":"temp123","domainName":"DOMAIN"},"comments":[],"evidence":[` + strings.Join([]string{evidence, evidence, evidence}, ",") + `]}`
}

func pageOf(records int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"@odata.context":"https://api.example/api/$metadata#Alerts","value":[`)
	for i := range records {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(alertText())
	}
	fmt.Fprintf(&b, `],"@odata.nextLink":"https://api.example/api/alerts?$skip=%d"}`, records)
	return b.Bytes()
}

func BenchmarkPage(b *testing.B) {
	const records = 1000
	body, reader := pageOf(records), NewReader(Limits{})
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		page, err := reader.Page(bytes.NewReader(body), func(Element) error { return nil })
		if err != nil || page.Records != records {
			b.Fatal(page, err)
		}
	}
	b.ReportMetric(float64(len(body))/records, "B/record")
}

// BenchmarkDecoder is what the same costs with encoding/json.
func BenchmarkDecoder(b *testing.B) {
	body := pageOf(1000)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		var page struct{ Value []json.RawMessage }
		if err := json.NewDecoder(bytes.NewReader(body)).Decode(&page); err != nil {
			b.Fatal(err)
		}
	}
}
