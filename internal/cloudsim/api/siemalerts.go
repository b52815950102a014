package api

import (
	"errors"
	"fmt"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/otelcol-defender/otelcol-defender/internal/cloud"
	"github.com/otelcol-defender/otelcol-defender/internal/cloudsim/world"
)

// defaultWindow is how far back the SIEM API looks where the request does not say.
const defaultWindow = 2 * time.Hour

// siemAlerts follows "Pull detections using SIEM REST API": a bare array of the most recent rows, without paging. Whether
// its bounds are inclusive is not documented; here they are, unless a fault says otherwise.
func siemAlerts() *surface {
	return &surface{
		api: SIEM, source: world.SIEMAlerts, path: "/api/alerts",
		id: "FullId", updated: "LastProcessedTimeUtc",
		parameters: []string{
			"sinceTimeUtc", "untilTimeUtc", "ago", "limit", "machinegroups", "DeviceCreatedMachineTags", "CloudCreatedMachineTags",
		},
		maxTop: math.MaxInt, defaultTop: math.MaxInt,
		audiences: audiences(func(c cloud.Cloud) cloud.API { return c.SIEM }),
		refuse:    (*Server).refuseEndpoint, array: true, ask: (*Server).askSIEM,
	}
}

// askSIEM reads the parameters of the SIEM API. Like the original it passes over those that it does not know.
func (s *Server) askSIEM(values url.Values, q *question) (err error) {
	q.from, q.top = s.world.Now().Add(-defaultWindow), -1
	if ago := values.Get("ago"); ago != "" {
		d, err := isoDuration(ago)
		if err != nil {
			return err
		}
		q.from = s.world.Now().Add(-d)
	}
	for name, into := range map[string]*time.Time{"sinceTimeUtc": &q.from, "untilTimeUtc": &q.to} {
		if !values.Has(name) {
			continue
		}
		if *into, err = time.Parse(time.RFC3339Nano, strings.TrimSuffix(values.Get(name), "Z")+"Z"); err != nil {
			return fmt.Errorf("The value '%s' is not valid for %s", values.Get(name), name)
		}
	}
	if values.Has("limit") {
		if q.top, err = strconv.Atoi(values.Get("limit")); err != nil || q.top < 1 {
			return fmt.Errorf("The value '%s' is not valid for limit", values.Get("limit"))
		}
	}
	q.match = func(v *world.Version) bool {
		groups := values["machinegroups"]
		if len(groups) > 0 && !slices.Contains(groups, fmt.Sprint(v.Property("MachineGroup"))) {
			return false
		}
		tag := values.Get("DeviceCreatedMachineTags")
		return (tag == "" || v.Property("DeviceCreatedMachineTags") == tag) && values.Get("CloudCreatedMachineTags") == ""
	}
	return nil
}

var durationPattern = regexp.MustCompile(`^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$`)

// isoDuration reads such as PT10M.
func isoDuration(text string) (time.Duration, error) {
	parts := durationPattern.FindStringSubmatch(text)
	if parts == nil || len(text) < 3 {
		return 0, errors.New("The value of ago is not a duration")
	}
	var total time.Duration
	for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second} {
		n, _ := strconv.Atoi(parts[i+1]) // digits or nothing
		total += time.Duration(n) * unit
	}
	return total, nil
}
