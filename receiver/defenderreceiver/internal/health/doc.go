// Package health turns the outcomes of thousands of polls into what an operator sees: one log line at each change of
// state, one status of the component, and metrics that stay within the limits of the SDK.
package health
