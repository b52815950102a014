package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"time"

	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// lookback is how old the oldest alert is at most.
const lookback = 24 * time.Hour

// stage is what the programs read from.
type stage struct {
	dir, ca string
	cloud   *cloudsim.Cloud // for its sign-in
	feeds   map[string]*feed
	api     *api
	plain   *httptest.Server
	secure  *httptest.Server
}

// newStage writes the alerts of some tenants.
func newStage(tenants, alerts int) (*stage, error) {
	dir, err := os.MkdirTemp("", "otelcol-defender-benchmark-")
	if err != nil {
		return nil, err
	}
	s := &stage{dir: dir, cloud: cloudsim.New(cloudsim.Options{Seed: 1}), feeds: map[string]*feed{}}
	if err := s.cloud.Start(); err != nil {
		return nil, err
	}
	if s.ca, err = s.cloud.CAFile(dir); err != nil {
		return nil, err
	}
	w, now := world.New(1, time.Now), time.Now()
	for i := range tenants {
		s.cloud.Entra.SetTenant(cloudsim.Consented(tenantID(i)))
		if alerts > 0 {
			s.feeds[tenantID(i)] = newFeed(w, tenantID(i), alerts, now.Add(-lookback+4*time.Hour), now.Add(-time.Hour))
		}
	}
	s.renew()
	return s, nil
}

// renew forgets what was served.
func (s *stage) renew() {
	s.stop()
	s.api = newAPI(s.cloud.Entra, s.feeds)
	mux := http.NewServeMux()
	mux.Handle("/api/alerts", s.api)
	mux.HandleFunc("/pages", s.pages)
	s.plain = httptest.NewServer(mux)
	s.secure = httptest.NewUnstartedServer(mux)
	s.secure.EnableHTTP2 = true
	s.secure.StartTLS()
}

// pages are for the programs that know neither tenants nor windows.
func (s *stage) pages(w http.ResponseWriter, r *http.Request) {
	top, _ := strconv.Atoi(r.URL.Query().Get("top"))
	skip, _ := strconv.Atoi(r.URL.Query().Get("skip"))
	text, _ := s.feeds[tenantID(0)].between(time.Time{}, time.Now(), top, skip)
	s.api.write(w, r, text)
}

func (s *stage) stop() {
	if s.plain != nil {
		s.plain.Close()
		s.secure.Close()
	}
}

func (s *stage) close() error {
	s.stop()
	return errors.Join(s.cloud.Close(), os.RemoveAll(s.dir))
}
