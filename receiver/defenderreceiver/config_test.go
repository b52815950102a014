package defenderreceiver

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
)

// load reads a configuration as the collector does, and validates it.
func load(t *testing.T, yaml string) (*Config, error) {
	t.Helper()
	retrieved, err := confmap.NewRetrievedFromYAML([]byte(yaml))
	require.NoError(t, err)
	conf, err := retrieved.AsConf()
	require.NoError(t, err)
	cfg := createDefaultConfig().(*Config)
	if err := conf.Unmarshal(cfg); err != nil {
		return cfg, err
	}
	return cfg, confmap.Validate(cfg)
}

const valid = "auth: {authenticator: entra_auth}\nsources: {graph_alerts: {}}\n"

func TestDefaultsAreThoseOfTheContract(t *testing.T) {
	cfg, err := load(t, valid)
	require.NoError(t, err)
	assert.Equal(t, time.Minute, cfg.PollInterval)
	assert.Equal(t, 24*time.Hour, cfg.InitialLookback)
	assert.Equal(t, 10*time.Minute, cfg.Overlap)
	assert.Equal(t, 16, cfg.MaxConcurrency)
	assert.Equal(t, "updated", cfg.Timestamp)
	assert.Equal(t, "raw", cfg.Body)
	assert.Equal(t, ByteSize(256<<20), cfg.MaxResponseSize)
	assert.Equal(t, ByteSize(64<<20), cfg.MaxInflightBytes)
	assert.Equal(t, ByteSize(32<<20), cfg.MaxRecordSize)
	assert.Equal(t, 64, cfg.MaxRecordDepth)
	assert.Equal(t, SweepConfig{Interval: 6 * time.Hour, Window: 72 * time.Hour}, cfg.Sweep)
	assert.Equal(t, 30*time.Second, cfg.HTTP.Timeout)
}

func TestGoodValues(t *testing.T) {
	tests := map[string]string{
		"a source without a value":  "auth: {authenticator: entra_auth}\nsources:\n  graph_alerts:\n  endpoint_alerts:\n",
		"every key of a source":     valid + "sources: {endpoint_alerts: {endpoint: https://a.example/p, region: eu, scope: api://x/.default, poll_interval: 5s, overlap: 1h, page_size: 10000, filter: \"severity eq 'High'\"}}",
		"every source":              valid + "sources: {endpoint_alerts: {}, graph_alerts: {}, graph_incidents: {page_size: 50}, xdr_incidents: {page_size: 100}, siem_alerts: {}}",
		"detections":                valid + "sources: {siem_alerts: {region: uk, scope: https://graph.windows.net, page_size: 500, machine_groups: [a, b c], device_created_machine_tags: x, cloud_created_machine_tags: y}}",
		"detections, other scopes":  valid + "sources: {siem_alerts: {scope: api://exporter/.default}}",
		"detections, an app's name": valid + "sources: {siem_alerts: {scope: 'api://exporter'}}",
		"a later region":            valid + "sources: {endpoint_alerts: {region: xyz}}",
		"http on a loopback":        valid + "sources: {graph_alerts: {endpoint: 'http://127.0.0.1:8080'}}",
		"http on IPv6 loopback":     valid + "sources: {graph_alerts: {endpoint: 'http://[::1]:8080/x'}}",
		"a size as a number":        valid + "max_response_size: 1048576",
		"limits of one record":      valid + "max_record_size: 64MiB\nmax_record_depth: 512",
		"a size with a unit":        valid + "max_inflight_bytes: 1GiB",
		"http client settings":      valid + "tls: {insecure_skip_verify: true}\nproxy_url: http://proxy:3128\ntimeout: 5s",
		"storage":                   valid + "storage: file_storage/x",
		"a quote within the filter": valid + "sources: {graph_alerts: {filter: \"title eq 'it''s (a) test'\"}}",
		"sweep":                     valid + "sweep: {interval: 1h, window: 24h}",
		"split for those that can":  valid + "sources: {graph_alerts: {}, graph_incidents: {}, siem_alerts: {}}\nsplit: alerts",
		"split of one source":       valid + "sources: {graph_alerts: {split: evidence, split_body: parent}, xdr_incidents: {split: alerts}}",
		"split but of one source":   valid + "sources: {graph_incidents: {split: none}, xdr_incidents: {split_body: part}}\nsplit: alerts\nsplit_body: parent",
		"map and last activity":     valid + "body: map\ntimestamp: last_activity",
	}
	for name, yaml := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, strings.Replace(yaml, "sources: {graph_alerts: {}}\nsources:", "sources:", 1))
			require.NoError(t, err)
		})
	}
}

// TestBadValues holds every key to one sentence that names it.
func TestBadValues(t *testing.T) {
	tests := map[string]struct{ yaml, want string }{
		"no auth":                 {"sources: {graph_alerts: {}}", "`auth` is required"},
		"no sources":              {"auth: {authenticator: a}", "`sources` takes at least one of endpoint_alerts, graph_alerts, graph_incidents, xdr_incidents, siem_alerts"},
		"empty sources":           {"auth: {authenticator: a}\nsources: {}", "`sources` takes at least one"},
		"unknown source":          {"auth: {authenticator: a}\nsources: {alerts: {}}", `not "alerts"`},
		"a list of sources":       {"auth: {authenticator: a}\nsources: [graph_alerts]", "`sources` takes a mapping"},
		"sources as a word":       {"auth: {authenticator: a}\nsources: graph_alerts", "`sources` takes a mapping"},
		"a port out of range":     {graph("{endpoint: 'https://graph.example:99999'}"), "it is not a URL with a host"},
		"a port without a host":   {graph("{endpoint: 'https://:443'}"), "it is not a URL with a host"},
		"an empty query":          {graph("{endpoint: 'https://graph.example/?'}"), "a query"},
		"an empty fragment":       {graph("{endpoint: 'https://graph.example/#'}"), "a fragment"},
		"an absurd duration":      {valid + "initial_lookback: 2562047h", "`initial_lookback` takes a duration of at most"},
		"a word for a duration":   {valid + "poll_interval: soon", "poll_interval"},
		"a word for a number":     {valid + "max_concurrency: many", "max_concurrency"},
		"unknown key":             {valid + "pol_interval: 1m", "pol_interval"},
		"unknown key of a source": {graph("{intervall: 1m}"), "intervall"},
		"endpoint":                {valid + "endpoint: https://x", "`endpoint` belongs to a source"},
		"headers":                 {valid + "headers: {a: b}", "`headers` is not taken"},
		"compression":             {valid + "compression: gzip", "`compression` is not taken"},
		"proxy_url":               {valid + "proxy_url: 'http://me:pw @proxy:3128'", "`proxy_url` takes http, https or socks5 and a host"},
		"proxy_url, bare":         {valid + "proxy_url: 'me:pw@proxy'", "`proxy_url` takes"},
		"poll_interval":           {valid + "poll_interval: 30", "`poll_interval` takes a duration of at least 1s"},
		"poll_interval, negative": {valid + "poll_interval: -1m", "`poll_interval` takes a duration"},
		"initial_lookback":        {valid + "initial_lookback: 0s", "`initial_lookback` takes a duration"},
		"overlap":                 {valid + "overlap: 10ms", "`overlap` takes a duration"},
		"timeout":                 {valid + "timeout: 0s", "`timeout` takes a duration"},
		"max_concurrency":         {valid + "max_concurrency: 0", "`max_concurrency` takes a number from 1 to 1024"},
		"timestamp":               {valid + "timestamp: now", "`timestamp` takes updated, created or last_activity"},
		"body":                    {valid + "body: json", "`body` takes raw or map"},
		"split":                   {valid + "split: all", "`split` takes none, alerts or evidence, not \"all\""},
		"split_body":              {valid + "split: evidence\nsplit_body: both", "`split_body` takes part or parent, not \"both\""},
		"split that none follows": {valid + "split: alerts", "`split` alerts is for graph_incidents and xdr_incidents, and none of them is in `sources`"},
		"split without a source":  {"auth: {authenticator: a}\nsplit: evidence\nsources: {siem_alerts: }", "`split` evidence is for endpoint_alerts and graph_alerts"},
		"split_body alone":        {valid + "split_body: parent", "`split_body` parent is of no use: no source has a `split`"},
		"split_body for nothing":  {graph("{split_body: parent}"), "`sources::graph_alerts::split_body` parent is of no use without `split`"},
		"split of alerts":         {graph("{split: alerts}"), "`sources::graph_alerts::split` takes none or evidence, not \"alerts\""},
		"split of incidents":      {withSources("xdr_incidents: {split: evidence}"), "`sources::xdr_incidents::split` takes none or alerts, not \"evidence\""},
		"split of detections":     {withSources("siem_alerts: {split: alerts}"), "`sources::siem_alerts::split` takes none alone, not \"alerts\""},
		"split_body of a source":  {graph("{split: evidence, split_body: x}"), "`sources::graph_alerts::split_body` takes part or parent"},
		"max_response_size":       {valid + "max_response_size: 12 apples", "is not a size"},
		"max_response_size, 0":    {valid + "max_response_size: 0", "`max_response_size` takes a size"},
		"http through a proxy":    {"auth: {authenticator: a}\nproxy_url: http://proxy.example:3128\nsources: {graph_alerts: {endpoint: 'http://127.0.0.1:1'}}", "takes https where `proxy_url` is set"},
		"max_record_size":         {valid + "max_record_size: 1", "`max_record_size` takes a size"},
		"max_record_depth":        {valid + "max_record_depth: 7", "`max_record_depth` takes a number from 8 to 512, not 7"},
		"max_inflight_bytes":      {valid + "max_inflight_bytes: 10KiB", "`max_inflight_bytes` takes a size"},
		"sweep interval":          {valid + "sweep: {interval: 6}", "`interval` takes a duration"},
		"sweep window":            {valid + "sweep: {window: 72}", "`window` takes a duration"},
		"source poll_interval":    {graph("{poll_interval: 0s}"), "`sources::graph_alerts::poll_interval` takes a duration"},
		"source overlap":          {graph("{overlap: 5}"), "`sources::graph_alerts::overlap` takes a duration"},
		"page_size, 0":            {graph("{page_size: 0}"), "`sources::graph_alerts::page_size` takes a number from 1 to 2000, not 0"},
		"page_size, too many":     {graph("{page_size: 2001}"), "`sources::graph_alerts::page_size` takes a number from 1 to 2000"},
		"region of graph":         {graph("{region: eu}"), "`sources::graph_alerts::region` is not taken"},
		"region of incidents":     {withSources("xdr_incidents: {region: eu}"), "`sources::xdr_incidents::region` is not taken"},
		"region":                  {withSources("endpoint_alerts: {region: Mars}"), "`sources::endpoint_alerts::region` takes us, eu, uk"},
		"region, a host":          {withSources("siem_alerts: {region: 'us.evil.example/'}"), "`sources::siem_alerts::region` takes us, eu, uk or a later one"},
		"page_size of incidents":  {withSources("graph_incidents: {page_size: 51}"), "`sources::graph_incidents::page_size` takes a number from 1 to 50"},
		"page_size of XDR":        {withSources("xdr_incidents: {page_size: 101}"), "`sources::xdr_incidents::page_size` takes a number from 1 to 100"},
		"filter of detections":    {withSources("siem_alerts: {filter: \"Severity eq 'High'\"}"), "`sources::siem_alerts::filter` is not taken: the API has no OData"},
		"machine_groups":          {graph("{machine_groups: [a]}"), "`sources::graph_alerts::machine_groups` is not taken: only siem_alerts has it"},
		"machine_groups, blank":   {withSources("siem_alerts: {machine_groups: ['']}"), "`sources::siem_alerts::machine_groups` takes names of groups"},
		"device tags":             {graph("{device_created_machine_tags: a}"), "`sources::graph_alerts::device_created_machine_tags` is not taken"},
		"cloud tags":              {graph("{cloud_created_machine_tags: a}"), "`sources::graph_alerts::cloud_created_machine_tags` is not taken"},
		"a v1.0 resource":         {graph("{scope: https://graph.microsoft.com}"), "`sources::graph_alerts::scope` takes a resource followed by /.default"},
		"no resource":             {withSources("siem_alerts: {scope: graph.windows.net}"), "`sources::siem_alerts::scope` takes a resource, such as https://graph.windows.net"},
		"scope":                   {graph("{scope: graph}"), "`sources::graph_alerts::scope` takes a resource followed by /.default"},
		"http endpoint":           {graph("{endpoint: 'http://graph.example'}"), "a token would go to graph.example unencrypted"},
		"endpoint without scheme": {graph("{endpoint: graph.example}"), "it is not a URL with a host"},
		"endpoint, ftp":           {graph("{endpoint: 'ftp://graph.example'}"), "`sources::graph_alerts::endpoint` takes https://host"},
		"endpoint with user":      {graph("{endpoint: 'https://me:pw@graph.example'}"), "it has a user"},
		"endpoint with query":     {graph("{endpoint: 'https://graph.example?x=1'}"), "a query"},
		"filter breaks out":       {graph(`{filter: "a eq 1) or (b eq 2"}`), "a parenthesis is closed that was not opened"},
		"filter, open":            {graph(`{filter: "(a eq 1"}`), "a parenthesis is not closed"},
		"filter, quote":           {graph(`{filter: "a eq 'x"}`), "a quote is not closed"},
		"filter, blank":           {graph(`{filter: "  "}`), "it is blank"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, tt.yaml)
			require.ErrorContains(t, err, tt.want)
			assert.NotContains(t, err.Error(), "me:pw", "a password in an error")
		})
	}
}

func TestAllProblemsAreReportedAtOnce(t *testing.T) {
	_, err := load(t, "poll_interval: 1\nbody: x\nsources: {graph_alerts: {page_size: 0, filter: \")\"}}")
	for _, key := range []string{"`auth`", "`poll_interval`", "`body`", "page_size", "filter"} {
		require.ErrorContains(t, err, key)
	}
}

func graph(yaml string) string { return withSources("graph_alerts: " + yaml) }

func withSources(sources string) string {
	return "auth: {authenticator: entra_auth}\nsources: {" + sources + "}\n"
}

func FuzzByteSize(f *testing.F) {
	for _, text := range []string{"256MiB", "1", "0x10", "-1", "9223372036854775807GiB", "1 GB", "MiB", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var size ByteSize
		if err := size.UnmarshalText([]byte(text)); err != nil {
			return
		}
		require.GreaterOrEqual(t, size, ByteSize(0))
		written, err := size.MarshalText()
		require.NoError(t, err)
		var again ByteSize
		require.NoError(t, again.UnmarshalText(written))
		require.Equal(t, size, again)
	})
}
