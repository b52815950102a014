// Package odata reads the part of OData's $filter that Microsoft's alert APIs take: comparisons of a property with a
// literal, joined by and, or, not and parentheses. It is strict, because the real services are.
package odata
