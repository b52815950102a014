package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/entra"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// The tenants that cannot be polled, each for a reason of its own.
const (
	tailspin = "5c0f7a1e-2b44-4f0e-9d3a-6b8c1e7f2a05"
	wingtip  = "8d9e6f2b-7c13-4a5d-b0e4-1f2a3b4c5d06"
	// wingtipApp is the registration that wingtip owns.
	wingtipApp = "22222222-2222-4222-8222-222222222222"
)

type customer struct{ id, name, number, tier string }

func healthy() []customer {
	return []customer{
		{"72f988bf-86f1-41af-91ab-2d7cd011db47", "contoso", "C-17", "gold"},
		{"0a7110e8-3f05-4a2e-8b6f-3d6b6d1c2f11", "fabrikam", "C-18", "silver"},
		{"b1c2d3e4-5f60-4718-8a9b-0c1d2e3f4a55", "adatum", "C-21", "gold"},
		{"e7d6c5b4-a392-4817-96f5-e4d3c2b1a066", "northwind", "C-25", "bronze"},
	}
}

// stage is the cloud, and the files through which the collector finds it.
type stage struct {
	cloud       *cloudsim.Cloud
	environment []string
	alive       sync.WaitGroup
}

// raise starts a cloud whose alerts change until ctx ends, and writes the collector's files into dir.
func raise(ctx context.Context, dir string) (*stage, error) {
	s := &stage{cloud: cloudsim.New(cloudsim.Options{Seed: uint64(time.Now().UnixNano())})}
	if err := s.cloud.Start(); err != nil {
		return nil, fmt.Errorf("starting the simulated cloud: %w", err)
	}
	s.populate(time.Now())
	if err := s.describe(dir); err != nil {
		return nil, errors.Join(err, s.cloud.Close())
	}
	s.alive.Go(func() {
		s.cloud.World.Run(ctx, world.Life{Interval: 1500 * time.Millisecond, New: 0.5, Late: 0.1, LateBy: 20 * time.Second, Merge: 0.03})
	})
	return s, nil
}

// close must be called after the context of raise has ended.
func (s *stage) close() error {
	s.alive.Wait()
	return s.cloud.Close()
}

func (s *stage) populate(now time.Time) {
	for _, c := range healthy() {
		s.cloud.AddTenant(c.id, c.name)
		s.cloud.World.Generate(c.id, 2, now.Add(-30*time.Minute), now)
	}
	s.cloud.Entra.SetTenant(entra.Tenant{ID: tailspin})
	s.cloud.Entra.SetTenant(cloudsim.Consented(wingtip))
	s.cloud.Entra.SetApp(entra.App{ClientID: wingtipApp, Secrets: []string{"the one that wingtip never told"}})
}

// describe writes the certificate and the tenants file, and names them in the collector's environment.
func (s *stage) describe(dir string) error {
	ca, err := s.cloud.CAFile(dir)
	if err != nil {
		return err
	}
	tenants := filepath.Join(dir, "tenants.yaml")
	if err := os.WriteFile(tenants, []byte(tenantsFile()), 0o600); err != nil {
		return fmt.Errorf("writing the tenants file: %w", err)
	}
	s.environment = []string{
		"DEMO_AUTHORITY=" + s.cloud.URL(),
		"DEMO_ENDPOINT=" + s.cloud.EndpointURL(),
		"DEMO_GRAPH=" + s.cloud.GraphURL(),
		"DEMO_CA_FILE=" + ca,
		"DEMO_TENANTS_FILE=" + tenants,
		"DEMO_STORAGE=" + filepath.Join(dir, "storage"),
		"DEMO_CLIENT_ID=" + cloudsim.ClientID,
		"DEMO_CLIENT_SECRET=" + cloudsim.ClientSecret,
	}
	return nil
}

// tenantsFile lists all tenants as a provider would.
func tenantsFile() string {
	var b strings.Builder
	b.WriteString("tenants:\n")
	for _, c := range healthy() {
		fmt.Fprintf(&b, "  - id: %s\n    name: %s\n    attributes: {customer.id: %s, soc.tier: %s}\n", c.id, c.name, c.number, c.tier)
	}
	fmt.Fprintf(&b, "  - id: %s\n    name: tailspin\n    attributes: {customer.id: C-30}\n", tailspin)
	fmt.Fprintf(&b, `  - id: %s
    name: wingtip
    attributes: {customer.id: C-31}
    application:
      client_id: %s
      credentials:
        - client_secret: mistyped
`, wingtip, wingtipApp)
	return b.String()
}
