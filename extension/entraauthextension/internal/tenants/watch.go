package tenants

import (
	"slices"
	"sync"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
)

// Directory tells those who watch of the enabled tenants. The zero value is an empty list.
type Directory struct {
	mu       sync.Mutex
	list     *[]entraauth.Tenant // replaced, never changed
	watchers []*watcher
}

// watcher calls onChange one call at a time, with the newest list only.
type watcher struct {
	mu       sync.Mutex
	onChange func([]entraauth.Tenant)
	seen     *[]entraauth.Tenant
	told     bool
	stopped  bool
}

// Set replaces the list and returns when everyone who watches was told.
func (d *Directory) Set(list []entraauth.Tenant) {
	d.mu.Lock()
	d.list = &list
	watchers := slices.Clone(d.watchers)
	d.mu.Unlock()
	for _, w := range watchers {
		w.tell(d)
	}
}

// Watch implements entraauth.Directory.
func (d *Directory) Watch(onChange func([]entraauth.Tenant)) (stop func()) {
	w := &watcher{onChange: onChange}
	d.mu.Lock()
	d.watchers = append(d.watchers, w)
	d.mu.Unlock()
	w.tell(d)
	return func() {
		w.mu.Lock()
		w.stopped = true
		w.mu.Unlock()
		d.mu.Lock()
		defer d.mu.Unlock()
		d.watchers = slices.DeleteFunc(d.watchers, func(other *watcher) bool { return other == w })
	}
}

func (w *watcher) tell(d *Directory) {
	w.mu.Lock()
	defer w.mu.Unlock()
	d.mu.Lock()
	list := d.list
	d.mu.Unlock()
	if w.stopped || (w.told && list == w.seen) {
		return
	}
	w.told, w.seen = true, list
	if list == nil {
		w.onChange(nil)
		return
	}
	w.onChange(slices.Clone(*list))
}
