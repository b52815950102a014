package tenants

import "reflect"

// Changes counts what differs between two lists.
type Changes struct{ Added, Removed, Changed int }

// Any tells whether anything differs.
func (c Changes) Any() bool { return c != Changes{} }

// Compare counts the rows that are new, gone and edited, by tenant id.
func Compare(old, next []Row) Changes {
	before := make(map[string]*Row, len(old))
	for i := range old {
		before[old[i].TenantID()] = &old[i]
	}
	var c Changes
	for i := range next {
		row, known := before[next[i].TenantID()]
		switch {
		case !known:
			c.Added++
		case !Same(row, &next[i]):
			c.Changed++
		}
		delete(before, next[i].TenantID())
	}
	c.Removed = len(before)
	return c
}

// Same tells whether two rows say the same.
func Same(a, b *Row) bool { return reflect.DeepEqual(a, b) }
