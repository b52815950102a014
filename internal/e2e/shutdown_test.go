package e2e_test

import (
	"net/http"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/api"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/entra"
)

func TestASignalEndsTheProcessWhateverItWaitsFor(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		obstruct func(s *stage)
		waits    func(s *stage) bool
	}{
		"the API hangs": {
			func(s *stage) { s.cloud.API.Inject(api.Rule{Faults: []api.Fault{api.Hang()}}) },
			func(s *stage) bool { return len(s.cloud.Entra.Requests()) == len(s.sources)*len(s.tenants) },
		},
		"the authority hangs": {
			func(s *stage) {
				for _, tn := range s.tenants {
					s.cloud.Entra.SetFault(tn.id, entra.Fault{Hang: true})
				}
			},
			func(s *stage) bool { return s.cloud.Entra.MetadataRequests() > 0 },
		},
		"the sink refuses": {
			func(s *stage) { s.sink.refuse(http.StatusServiceUnavailable) },
			func(s *stage) bool { return s.sink.refusals() >= 10 },
		},
		"the sink hangs": {
			func(s *stage) { s.sink.refuse(hangs) },
			func(s *stage) bool { return s.sink.refusals() > 0 },
		},
	}
	for name, tt := range tests {
		for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
			t.Run(name+" "+signal.String(), func(t *testing.T) {
				t.Parallel()
				s := newStage(t, 5)
				s.generate(10, time.Hour)
				tt.obstruct(s)
				c := s.start()
				s.eventually(name, func() bool { return tt.waits(s) })
				c.stop(signal)
			})
		}
	}
}
