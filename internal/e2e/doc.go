// Package e2e holds the tests of the built binary: a simulated cloud in the test's process, the collector as a child,
// and at its other end the files or the OTLP receiver that it exports to.
package e2e
