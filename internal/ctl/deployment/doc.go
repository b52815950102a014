// Package deployment is the part of a collector that a command needs: the components of this project and their storage,
// read from the collector's own configuration, and run without a collector around them.
package deployment
