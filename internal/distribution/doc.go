// Package distribution is the place of the collector that the builder makes: otelcol holds its generated sources and its
// committed go.mod and go.sum, stubs what replaces a module that cannot be downloaded.
//
// Its tests hold together what people write apart from each other: builder-config.yaml, the module versions, the lists
// of components and dependencies in docs, and every configuration in testdata and in the documentation. They also look
// at what the binary is made of: its licenses and its SBOM.
package distribution
