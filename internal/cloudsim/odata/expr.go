package odata

import "time"

// Record gives the value of one of the properties that Parse was told of.
type Record func(property string) Value

// Expr is a parsed filter.
type Expr interface {
	// Match tells whether the filter selects the record.
	Match(Record) bool
	// bounds narrows the interval in which property must lie for a match.
	bounds(property string, in *Interval)
}

// Interval is a closed interval; a zero end is open.
type Interval struct{ From, To time.Time }

// Bounds returns an interval outside of which no record matches, from the parts of the filter that are and-ed together.
func Bounds(e Expr, property string) Interval {
	var in Interval
	if e != nil {
		e.bounds(property, &in)
	}
	return in
}

type (
	orExpr  struct{ left, right Expr }
	andExpr struct{ left, right Expr }
	notExpr struct{ inner Expr }
)

func (e orExpr) Match(r Record) bool  { return e.left.Match(r) || e.right.Match(r) }
func (e andExpr) Match(r Record) bool { return e.left.Match(r) && e.right.Match(r) }
func (e notExpr) Match(r Record) bool { return !e.inner.Match(r) }

func (orExpr) bounds(string, *Interval)  {}
func (notExpr) bounds(string, *Interval) {}

func (e andExpr) bounds(property string, in *Interval) {
	e.left.bounds(property, in)
	e.right.bounds(property, in)
}

func isOperator(text string) bool {
	switch text {
	case "eq", "ne", "gt", "ge", "lt", "le":
		return true
	}
	return false
}

type comparison struct {
	name, op string
	value    Value
}

func (c comparison) Match(r Record) bool {
	v := r(c.name)
	if v.Kind == 0 || c.value.Kind == 0 {
		return c.matchNull(v)
	}
	order := compare(v, c.value)
	switch c.op {
	case "eq":
		return order == 0
	case "ne":
		return order != 0
	case "gt":
		return order > 0
	case "ge":
		return order >= 0
	case "lt":
		return order < 0
	default:
		return order <= 0
	}
}

// matchNull compares where one side is null: equal only to null, and without an order.
func (c comparison) matchNull(v Value) bool {
	switch same := v.Kind == c.value.Kind; c.op {
	case "eq":
		return same
	case "ne":
		return !same
	default:
		return false
	}
}

func (c comparison) bounds(property string, in *Interval) {
	if c.name != property || c.value.Kind != Time {
		return
	}
	t := c.value.Time
	if c.op == "eq" || c.op == "ge" || c.op == "gt" {
		if in.From.IsZero() || t.After(in.From) {
			in.From = t
		}
	}
	if c.op == "eq" || c.op == "le" || c.op == "lt" {
		if in.To.IsZero() || t.Before(in.To) {
			in.To = t
		}
	}
}
