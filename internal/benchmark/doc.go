// Command benchmark measures the collector as a whole against two other programs that do the same work: floor, the least
// that any could do, and baseline, what a plain program with encoding/json does. All run in turn on this machine, and
// what counts is their ratio. `make bench` runs it.
package main
