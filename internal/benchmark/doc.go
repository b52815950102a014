// Command benchmark measures the collector as a whole, in scenarios. One compares it with two other programs that do the
// same work: floor, the least that any could do, and baseline, what a plain program with encoding/json does; all run in turn
// on this machine, and what counts is their ratio. The others run the built binary as a provider does, beside a stand-in for
// Microsoft in a process of its own, and print what was promised beside what was measured: the memory of large pages and
// backlogs, the start and the rest of thousands of tenants, and the delay of an alert. `make bench` runs it.
package main
