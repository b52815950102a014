package record

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/odata"
)

// UID returns 32 hexadecimal digits that are the same for the same version of a record on every run and machine, and
// others for another tenant, source, id or version. The tenant id is in lower case.
func UID(tenantID, source, id string, version odata.Instant) string {
	text := make([]byte, 0, 256)
	for _, part := range []string{tenantID, source, id} {
		text = binary.BigEndian.AppendUint64(text, uint64(len(part))) // so that no two lists of parts read the same
		text = append(text, part...)
	}
	text = binary.BigEndian.AppendUint64(text, uint64(version)) //nolint:gosec // before 1970 it wraps around, and is still its own
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}
