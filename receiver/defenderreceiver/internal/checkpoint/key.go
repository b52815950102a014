package checkpoint

import (
	"cmp"
	"strconv"
)

// Key names a state: a tenant's id in lower case and a source's key.
type Key struct {
	Tenant, Source string
}

// String is the key as one text.
func (k Key) String() string { return k.Tenant + "/" + k.Source }

// Compare orders keys.
func (k Key) Compare(other Key) int {
	return cmp.Or(cmp.Compare(k.Tenant, other.Tenant), cmp.Compare(k.Source, other.Source))
}

// Stored keys hold only what every store takes: lower-case letters, digits, dashes, slashes and underscores.
const (
	prefix   = "v1/"
	indexKey = prefix + "index"
)

func (k Key) head() string { return prefix + k.String() }

func (k Key) segment(seq uint32) string {
	return k.head() + "/" + strconv.FormatUint(uint64(seq), 10)
}
