package tenants

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/internal/credential"
)

const (
	contoso  = "72f988bf-86f1-41af-91ab-2d7cd011db47"
	fabrikam = "aaaaaaaa-0000-4000-8000-000000000002"
)

func TestRowAsOthersSeeIt(t *testing.T) {
	row := Row{ID: strings.ToUpper(contoso), Attributes: map[string]any{
		"s": "C-17", "i": 7, "u": uint64(8), "l": int64(9), "f": 1.5, "b": true,
	}}
	require.NoError(t, row.Validate())
	assert.Equal(t, entraauth.Tenant{
		ID: contoso, Name: contoso, Cloud: "public",
		Attributes: map[string]any{"s": "C-17", "i": int64(7), "u": int64(8), "l": int64(9), "f": 1.5, "b": true},
	}, row.Tenant("public"))
	row.Name, row.Cloud = "contoso", "usgov_dod"
	assert.Equal(t, "contoso", row.Tenant("public").Name)
	assert.Equal(t, "usgov_dod", row.Tenant("public").Cloud)
}

func TestBadRows(t *testing.T) {
	for name, tt := range map[string]struct {
		row  Row
		want string
	}{
		"no id":         {Row{}, "id must be"},
		"domain":        {Row{ID: "contoso.com"}, "id must be"},
		"long name":     {Row{ID: contoso, Name: strings.Repeat("a", 257)}, "name must be"},
		"control":       {Row{ID: contoso, Name: "a\nb"}, "name must be"},
		"cloud":         {Row{ID: contoso, Cloud: "moon"}, "cloud must be one of public"},
		"list":          {Row{ID: contoso, Attributes: map[string]any{"tags": []any{"a"}}}, `attributes: "tags"`},
		"map":           {Row{ID: contoso, Attributes: map[string]any{"m": map[string]any{}}}, `attributes: "m"`},
		"null":          {Row{ID: contoso, Attributes: map[string]any{"n": nil}}, `attributes: "n"`},
		"not a number":  {Row{ID: contoso, Attributes: map[string]any{"x": math.NaN()}}, `attributes: "x"`},
		"too large":     {Row{ID: contoso, Attributes: map[string]any{"x": uint64(math.MaxUint64)}}, `attributes: "x"`},
		"nameless":      {Row{ID: contoso, Attributes: map[string]any{"": "x"}}, `attributes: ""`},
		"both at once":  {Row{Cloud: "moon"}, "id must be the tenant's id, a GUID\ncloud must be"},
		"wrong in GUID": {Row{ID: "72f988bf-86f1-41af-91ab-2d7cd011db4g"}, "id must be"},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, tt.row.Validate(), tt.want)
		})
	}
}

func TestRowsMustGoTogether(t *testing.T) {
	own := &credential.Application{}
	require.NoError(t, Check([]Row{{ID: contoso, Application: own}, {ID: fabrikam, Application: own}}, false))
	require.NoError(t, Check([]Row{{ID: contoso}}, true))
	require.ErrorContains(t, Check([]Row{{ID: contoso}}, false), "needs an application")
	require.ErrorContains(t, Check([]Row{{ID: contoso}, {ID: strings.ToUpper(contoso), Name: "b"}}, true), "id "+contoso+" is there twice")
	require.ErrorContains(t, Check([]Row{{ID: contoso, Name: "a"}, {ID: fabrikam, Name: "a"}}, true), `name "a" is there twice`)
	require.NoError(t, Check([]Row{{ID: contoso, Name: strings.ToUpper(contoso)}, {ID: fabrikam}}, true), "a tenant may be called by its own id")
	for _, rows := range [][]Row{{{ID: contoso, Name: strings.ToUpper(fabrikam)}, {ID: fabrikam, Name: "b"}}, {{ID: fabrikam, Name: "b"}, {ID: contoso, Name: fabrikam}}} {
		require.ErrorContains(t, Check(rows, true), "is the id of another")
	}
}

func TestCompare(t *testing.T) {
	off := false
	old := []Row{{ID: contoso}, {ID: fabrikam, Attributes: map[string]any{"a": 1}}, {ID: "gone"}}
	next := []Row{{ID: "new"}, {ID: fabrikam, Attributes: map[string]any{"a": 1}}, {ID: contoso, Enabled: &off}}
	assert.Equal(t, Changes{Added: 1, Removed: 1, Changed: 1}, Compare(old, next))
	assert.False(t, Compare(old, old).Any())
	assert.True(t, Compare(old, next).Any())
}
