// Package world is what happens in the simulated customer tenants: alerts are created, change, become visible late and
// disappear. It knows nothing of HTTP. Everything follows from a seed and an injected clock, and every version that was
// ever visible stays in a ledger, so that a test can compare what a collector delivered with what there was.
package world
