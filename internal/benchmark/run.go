package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// figures are what a program took.
type figures struct {
	cpu time.Duration
	usage
}

// program runs one of the programs of this binary to its end.
func (s *stage) program(ctx context.Context, o options, as string) (figures, error) {
	self, err := os.Executable()
	if err != nil {
		return figures{}, err
	}
	address := s.plain.URL + "/pages"
	if as == "receiver" {
		address = s.plain.URL
	}
	cmd := exec.CommandContext(ctx, self, "-as", as, "-url", address, "-authority", s.cloud.URL(), "-ca", s.ca,
		"-alerts", fmt.Sprint(o.alerts), "-page", fmt.Sprint(o.page))
	if o.profile != "" {
		cmd.Args = append(cmd.Args, "-profile", o.profile+"."+as)
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Run(); err != nil {
		return figures{}, fmt.Errorf("%s: %w", as, err)
	}
	f := figures{cpu: cpu(cmd)}
	return f, json.Unmarshal(out.Bytes(), &f.usage)
}

func cpu(cmd *exec.Cmd) time.Duration {
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

// way is how the collector reaches the API and where it exports to.
type way struct {
	secure   bool
	exporter string
	page     int
}

// collect runs the collector until every tenant has given all it has, and was asked once more.
func (s *stage) collect(ctx context.Context, o options, w way) (figures, error) {
	s.renew()
	config, err := s.config(w)
	if err != nil {
		return figures{}, err
	}
	cmd := exec.CommandContext(ctx, o.collector, "--config", config)
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		return figures{}, err
	}
	err = s.settle(ctx)
	memory := peak(fmt.Sprint(cmd.Process.Pid))
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if err := errors.Join(err, cmd.Wait()); err != nil {
		return figures{}, fmt.Errorf("the collector: %w\n%s", err, log.Bytes())
	}
	return figures{cpu: cpu(cmd), usage: usage{Peak: memory}}, nil
}

func (s *stage) settle(ctx context.Context) error {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if s.api.settled() >= max(1, len(s.feeds)) {
			return nil
		}
	}
}

func (s *stage) config(w way) (string, error) {
	endpoint := s.plain.URL
	if w.secure {
		endpoint = s.secure.URL
	}
	ca := filepath.Join(s.dir, "api.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.secure.Certificate().Raw})
	if err := os.WriteFile(ca, certificate, 0o600); err != nil {
		return "", err
	}
	state, err := os.MkdirTemp(s.dir, "state")
	if err != nil {
		return "", err
	}
	var rows string
	for id := range s.feeds {
		rows += fmt.Sprintf("      - {id: %s}\n", id)
	}
	if rows == "" {
		rows = "      - {id: " + tenantID(0) + "}\n"
	}
	text := fmt.Sprintf(configuration, s.cloud.URL(), clientID, clientSecret, rows, s.ca, state, endpoint, w.page, ca, state, w.exporter)
	path := filepath.Join(s.dir, "collector.yaml")
	return path, os.WriteFile(path, []byte(text), 0o600)
}

const configuration = `
extensions:
  entra_auth:
    authority_host: %s
    application: {client_id: %s, credentials: [{client_secret: "%s"}]}
    tenants:
%s    http: {tls: {ca_file: %s}}
  file_storage: {directory: %s}
receivers:
  defender:
    auth: {authenticator: entra_auth}
    storage: file_storage
    poll_interval: 3s
    overlap: 1s
    sources: {endpoint_alerts: {endpoint: %s, page_size: %d}}
    tls: {ca_file: %s}
exporters:
  nop:
  file: {path: %s/alerts.json}
service:
  extensions: [entra_auth, file_storage]
  pipelines: {logs: {receivers: [defender], exporters: [%s]}}
  telemetry: {metrics: {level: none}}
`
