package e2e_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/api"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// effect is how soon a change of the tenants file is in force.
const effect = 5 * time.Second

func TestTheTenantsFileIsFollowed(t *testing.T) {
	t.Parallel()
	s := newStage(t, 3)
	stays, comes, goes := s.tenants[0], s.tenants[1], s.tenants[2]
	s.generate(5, time.Hour)
	s.list(stays, goes)
	c := s.start()
	s.arrived(stays, goes)

	added := time.Now()
	s.list(stays, comes, goes)
	s.polled(1, comes)
	assert.Less(t, time.Since(added), effect+time.Second, "until a tenant that was added is polled, and answered")
	s.arrived(comes)

	s.rename("tenants.yaml", "tenants: [{id: "+stays.id+"}, {id: "+comes.id+"}]")
	s.eventually("the change", func() bool { return len(c.logged("The tenants file was read", line{"removed": 1.0})) == 1 })
	s.polled(1, stays) // what was under way ends
	before := s.requests()
	s.cloud.World.Put(goes.id, world.Alert{})
	s.polled(3, stays, comes)
	for _, source := range s.sources {
		assert.Equal(t, before[api.Asked{Tenant: goes.id, Source: source}], s.requests()[api.Asked{Tenant: goes.id, Source: source}], "a tenant that was removed is not asked")
	}
	c.terminate()
}

func TestABrokenTenantsFileKeepsTheLastGoodList(t *testing.T) {
	t.Parallel()
	s := newStage(t, 2)
	s.generate(5, time.Hour)
	s.list(s.tenants[0])
	c := s.start()
	s.arrived(s.tenants[0])
	s.write("tenants.yaml", "tenants: [{id: ")
	complaint := func() []line { return c.logged("The tenants file cannot be used", nil) }
	s.eventually("the complaint", func() bool { return len(complaint()) > 0 })
	assert.Contains(t, complaint()[0].text("file"), "tenants.yaml")
	s.polled(2, s.tenants[0])
	assert.Len(t, complaint(), 1, "a mistake is said once")
	s.write("tenants.yaml", "tenants: nobody")
	s.eventually("the complaint about another mistake", func() bool { return len(complaint()) == 2 })
	s.polled(2, s.tenants[0])
	assert.Len(t, complaint(), 2)
	s.list(s.tenants...)
	s.arrived(s.tenants[1])
	c.terminate()
}

// rename replaces a file in one step.
func (s *stage) rename(name, text string) {
	s.t.Helper()
	s.write(name+".new", text)
	require.NoError(s.t, os.Rename(filepath.Join(s.dir, name+".new"), filepath.Join(s.dir, name)))
}
