package distribution_test

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sbom is what the tests read of a CycloneDX document.
type sbom struct {
	SerialNumber string
	Metadata     struct {
		Timestamp  string
		Component  component
		Properties []struct{ Name, Value string }
	}
	Components []component
}

type component struct{ Name, Version string }

func TestSBOMListsTheModulesOfTheBinary(t *testing.T) {
	t.Parallel()
	bom := readSBOM(t)
	info, err := buildinfo.ReadFile(binary(t))
	require.NoError(t, err)
	version := bom.Metadata.Component.Version
	assert.Equal(t, info.Main.Path, bom.Metadata.Component.Name)
	assert.Regexp(t, `^v\d+\.\d+\.\d+`, version)

	want := []component{{"std", info.GoVersion}}
	for _, module := range info.Deps {
		switch replaced := module.Replace; {
		case replaced == nil:
			want = append(want, component{module.Path, module.Version})
		case replaced.Sum == "": // by a folder, which is this repository
			want = append(want, component{module.Path, version})
		default:
			want = append(want, component{replaced.Path, replaced.Version})
		}
	}
	assert.ElementsMatch(t, want, bom.Components)
}

func TestSBOMIsOfThisBinary(t *testing.T) {
	t.Parallel()
	built, err := os.ReadFile(binary(t))
	require.NoError(t, err)
	sum := sha256.Sum256(built)
	assert.Contains(t, readSBOM(t).Metadata.Properties,
		struct{ Name, Value string }{"cdx:gomod:binary:hash:SHA-256", hex.EncodeToString(sum[:])})
}

// Whoever builds the same commit gets the same SBOM.
func TestSBOMNamesNoTime(t *testing.T) {
	t.Parallel()
	bom := readSBOM(t)
	assert.Empty(t, bom.SerialNumber)
	assert.Empty(t, bom.Metadata.Timestamp)
}

func readSBOM(t *testing.T) sbom {
	t.Helper()
	text, err := os.ReadFile(binary(t) + ".cdx.json")
	require.NoError(t, err)
	var bom sbom
	require.NoError(t, json.Unmarshal(text, &bom))
	return bom
}
