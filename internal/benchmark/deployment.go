package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// settling is how long a deployment with alerts still to come has to poll each tenant once.
const settling = 15 * time.Second

// setting is how the collector of a deployment is configured, where that differs.
type setting struct {
	interval    time.Duration
	concurrency int
	pageSize    int
	exporter    string
}

// deployment is the collector, as a provider runs it, beside a stand-in for Microsoft: TLS everywhere, the tenants in a file,
// checkpoints on disk, metrics that are scraped.
type deployment struct {
	dir       string
	place     place
	standIn   *exec.Cmd
	standDown io.Closer
	collector *exec.Cmd
	log       bytes.Buffer
	client    *http.Client
	scraped   string // the address of its metrics
	profiles  string
}

// deploy starts both processes.
func deploy(ctx context.Context, o options, c content, s setting) (_ *deployment, err error) {
	d := &deployment{}
	if d.dir, err = os.MkdirTemp("", "otelcol-defender-benchmark-"); err != nil {
		return nil, err
	}
	if err := d.startStandIn(ctx, c); err != nil {
		return nil, errors.Join(err, d.end())
	}
	config, err := d.config(ctx, o, c, s)
	if err != nil {
		return nil, errors.Join(err, d.end())
	}
	d.collector = exec.CommandContext(ctx, o.collector, "--config", config)
	d.collector.Stderr = &d.log
	if err := d.collector.Start(); err != nil {
		d.collector = nil
		return nil, errors.Join(err, d.end())
	}
	return d, nil
}

func (d *deployment) startStandIn(ctx context.Context, c content) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	d.standIn = exec.CommandContext(ctx, self, "-as", "api", "-dir", d.dir, "-tenants", fmt.Sprint(c.tenants),
		"-alerts", fmt.Sprint(c.alerts), "-during", c.during.String(), "-latency", c.latency.String())
	d.standIn.Stderr = os.Stderr
	if d.standDown, err = d.standIn.StdinPipe(); err != nil {
		return err
	}
	out, err := d.standIn.StdoutPipe()
	if err != nil {
		return err
	}
	if err := d.standIn.Start(); err != nil {
		d.standIn = nil
		return err
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("the stand-in: %w", err)
	}
	if err := json.Unmarshal(line, &d.place); err != nil {
		return err
	}
	certificate, err := os.ReadFile(d.place.CA)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(certificate)
	d.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
	return nil
}

func (d *deployment) config(ctx context.Context, o options, c content, s setting) (string, error) {
	var rows bytes.Buffer
	rows.WriteString("tenants:\n")
	for i := range c.tenants {
		fmt.Fprintf(&rows, "  - {id: %s, name: customer-%05d, attributes: {customer.id: C-%05d}}\n", tenantID(i), i, i)
	}
	state := filepath.Join(d.dir, "state")
	if err := errors.Join(os.WriteFile(filepath.Join(d.dir, "tenants.yaml"), rows.Bytes(), 0o600), os.Mkdir(state, 0o700)); err != nil {
		return "", err
	}
	metrics, err := freePort(ctx)
	if err != nil {
		return "", err
	}
	profiles, err := freePort(ctx)
	if err != nil {
		return "", err
	}
	more := ""
	if o.profile != "" {
		more = ", pprof"
	}
	d.scraped, d.profiles = fmt.Sprintf("http://127.0.0.1:%d/metrics", metrics), fmt.Sprintf("http://127.0.0.1:%d/debug/pprof/", profiles)
	text := fmt.Sprintf(deployed, d.place.URL, clientID, clientSecret, d.dir, state, s.interval, s.concurrency, s.pageSize, d.place.CA,
		s.exporter, metrics, profiles, more)
	path := filepath.Join(d.dir, "collector.yaml")
	return path, os.WriteFile(path, []byte(text), 0o600)
}

const deployed = `
extensions:
  entra_auth:
    authority_host: &place %[1]s
    application: {client_id: %[2]s, credentials: [{client_secret: "%[3]s"}]}
    tenants_file: %[4]s/tenants.yaml
    http: {tls: {ca_file: %[9]s}}
  file_storage: {directory: %[5]s, fsync: true}
  pprof: {endpoint: 127.0.0.1:%[12]d, mutex_profile_fraction: 1}
receivers:
  defender:
    auth: {authenticator: entra_auth}
    storage: file_storage
    poll_interval: %[6]s
    max_concurrency: %[7]d
    sources: {endpoint_alerts: {endpoint: *place, page_size: %[8]d}}
    tls: {ca_file: %[9]s}
exporters:
  nop:
  otlp_http: {endpoint: *place, compression: none, tls: {ca_file: %[9]s}}
service:
  extensions: [entra_auth, file_storage%[13]s]
  pipelines: {logs: {receivers: [defender], exporters: [%[10]s]}}
  telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: %[11]d}}}}]}}
`

// freePort is a port that nobody uses at the moment.
func freePort(ctx context.Context) (int, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// stats asks the stand-in.
func (d *deployment) stats(ctx context.Context) (st stats, err error) {
	body, err := d.get(ctx, d.place.URL+"/stats")
	if err != nil {
		return st, err
	}
	err = json.Unmarshal(body, &st)
	return st, err
}

func (d *deployment) get(ctx context.Context, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := d.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

// until waits for the stand-in to say that something is so.
func (d *deployment) until(ctx context.Context, so func(stats) bool) (stats, error) {
	ticker := time.NewTicker(500 * time.Millisecond)
	defer ticker.Stop()
	for {
		st, err := d.stats(ctx)
		if err != nil || so(st) {
			return st, err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return st, fmt.Errorf("%w\n%s", ctx.Err(), d.log.Bytes())
		}
	}
}

// scrape reads the collector's metrics every 15 seconds for a while, as a monitoring system does.
func (d *deployment) scrape(ctx context.Context, during time.Duration) error {
	end := time.NewTimer(during)
	defer end.Stop()
	ticker := time.NewTicker(15 * time.Second)
	defer ticker.Stop()
	for {
		if _, err := d.get(ctx, d.scraped); err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-end.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (d *deployment) pid() string { return fmt.Sprint(d.collector.Process.Pid) }

// end stops both processes; an error is one of the collector's end.
func (d *deployment) end() (err error) {
	if d.collector != nil {
		_ = d.collector.Process.Signal(syscall.SIGTERM)
		if err = d.collector.Wait(); err != nil {
			err = fmt.Errorf("the collector: %w\n%s", err, d.log.Bytes())
		}
	}
	if d.standIn != nil {
		_ = d.standDown.Close()
		err = errors.Join(err, d.standIn.Wait())
	}
	return errors.Join(err, os.RemoveAll(d.dir))
}
