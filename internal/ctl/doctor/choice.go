package doctor

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// choice is what a flag asks for by names, and which of them were found. Without names it is everything.
type choice struct {
	names []string
	found map[string]bool
}

func newChoice(names []string) *choice { return &choice{names, map[string]bool{}} }

// takes tells whether one of these is asked for. Case does not matter: an id may be written in either.
func (c *choice) takes(these ...string) bool {
	taken := len(c.names) == 0
	for _, name := range c.names {
		if slices.ContainsFunc(these, func(this string) bool { return strings.EqualFold(this, name) }) {
			c.found[name], taken = true, true
		}
	}
	return taken
}

// unmatched is an error for each name that nothing has.
func (c *choice) unmatched(format string) error {
	var errs []error
	for _, name := range c.names {
		if !c.found[name] {
			errs = append(errs, fmt.Errorf(format, name))
		}
	}
	return errors.Join(errs...)
}
