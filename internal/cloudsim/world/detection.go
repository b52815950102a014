package world

import (
	"encoding/base64"
	"fmt"
	"sync/atomic"
)

// showDetections lists the rows of an alert's version, all of them processed at one moment.
func (t *tenant) showDetections(c *change) {
	if !c.into[SIEMAlerts] {
		return
	}
	f := c.last.alert
	for part := range f.detections() {
		t.lists[SIEMAlerts].show(&Version{
			Tenant: t.id, Source: SIEMAlerts, ID: f.fullID(part), Created: f.created, Updated: f.updated, VisibleFrom: c.last.at,
			facts: f, part: part, served: new(atomic.Int64),
		})
	}
}

// withdraw takes the detections of an alert away.
func (t *tenant) withdraw(alertID string) {
	rows := t.lists[SIEMAlerts]
	for id, v := range rows.current {
		if v.facts.id == alertID {
			rows.remove(id)
		}
	}
}

// detections counts the rows of an alert: at least one, and more in later versions.
func (f *facts) detections() int { return 1 + f.pick("detections", 3) + f.revision/2 }

// iocID is what tells the rows of an alert apart.
func (f *facts) iocID(part int) string {
	return base64.StdEncoding.EncodeToString([]byte(f.hex(fmt.Sprint("ioc/", part), 32)))
}

func (f *facts) fullID(part int) string { return f.id + ":" + f.iocID(part) }
