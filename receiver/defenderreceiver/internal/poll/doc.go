// Package poll reads one source of one tenant: it asks for the parts of an interval, drops what was delivered before,
// hands the rest to the pipeline, and only then lets the cursor move. It is the only place that orders these steps.
package poll
