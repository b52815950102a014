// Package profcheck is an empty stand-in. Only a test of a dependency imports the real one, which cannot be
// downloaded; nothing of it is ever in the binary.
package profcheck
