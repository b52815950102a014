package record

import (
	"fmt"
	"maps"
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
)

// SetResource says whose records a resource holds. The tenant's own attributes do not replace the fixed ones.
func SetResource(res pcommon.Resource, t entraauth.Tenant) {
	attributes := res.Attributes()
	attributes.EnsureCapacity(len(t.Attributes) + 4)
	for _, key := range slices.Sorted(maps.Keys(t.Attributes)) {
		setValue(attributes.PutEmpty(key), t.Attributes[key])
	}
	attributes.PutStr(attrCloudProvider, "azure")
	attributes.PutStr(attrTenantID, t.ID)
	attributes.PutStr(attrTenantName, t.Name)
	attributes.PutStr(attrServiceName, "microsoft-defender")
}

func setValue(v pcommon.Value, value any) {
	switch value := value.(type) {
	case string:
		v.SetStr(value)
	case bool:
		v.SetBool(value)
	case int64:
		v.SetInt(value)
	case float64:
		v.SetDouble(value)
	default:
		v.SetStr(fmt.Sprint(value))
	}
}
