package world

import (
	"slices"
	"time"
)

// list is what one source of one tenant shows.
type list struct {
	current map[string]*Version
	// byUpdate holds the versions of current, oldest update first, those of one tick in the order they appeared.
	byUpdate []*Version
	ledger   []*Version
}

// show makes v the visible version of its alert, unless a later one overtook it while it was held back.
func (l *list) show(v *Version) {
	if old := l.current[v.ID]; old != nil && old.Updated.After(v.Updated) {
		return
	}
	l.remove(v.ID)
	l.current[v.ID] = v
	l.ledger = append(l.ledger, v)
	l.byUpdate = slices.Insert(l.byUpdate, l.after(v.Updated), v)
}

func (l *list) remove(id string) {
	old := l.current[id]
	if old == nil {
		return
	}
	delete(l.current, id)
	from := l.notBefore(old.Updated)
	i := from + slices.Index(l.byUpdate[from:], old)
	l.byUpdate = slices.Delete(l.byUpdate, i, i+1)
}

// notBefore is the index of the first version updated at t or later.
func (l *list) notBefore(t time.Time) int {
	i, _ := slices.BinarySearchFunc(l.byUpdate, t, func(v *Version, t time.Time) int {
		if v.Updated.Before(t) {
			return -1
		}
		return 1
	})
	return i
}

// after is the index of the first version updated later than t.
func (l *list) after(t time.Time) int { return l.notBefore(t.Add(1)) }

// between returns the versions updated in the closed interval; a zero end is open.
func (l *list) between(from, to time.Time) []*Version {
	first, last := 0, len(l.byUpdate)
	if !from.IsZero() {
		first = l.notBefore(from)
	}
	if !to.IsZero() {
		last = l.after(to)
	}
	if first >= last {
		return nil
	}
	return slices.Clone(l.byUpdate[first:last])
}
