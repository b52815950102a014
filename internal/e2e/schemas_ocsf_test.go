package e2e_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// ocsf is the published schema, as far as it is written down in testdata.
type ocsf struct {
	Version string
	Scalars []string
	Classes map[int64]ocsfObject
	Objects map[string]ocsfObject
}

type ocsfObject struct {
	Name        string
	CategoryUID int64 `yaml:"category_uid"`
	Attributes  map[string]string
	Enums       map[string]ocsfEnum
	AtLeastOne  []string `yaml:"at_least_one"`
}

// ocsfEnum is what an attribute may be, with the attribute that has the name of the value.
type ocsfEnum struct {
	Name   string
	Values map[int64]string
}

// readSchema reads a file of testdata/schemas.
func readSchema(t *testing.T, name string, into any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "schemas", name))
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(data, into))
}

// faults lists what an event has that the schema does not permit, or has not that it requires.
func (o *ocsf) faults(event map[string]any) (faults []string) {
	uid, _ := event["class_uid"].(int64)
	class, known := o.Classes[uid]
	if !known {
		return []string{fmt.Sprintf("class_uid: %v is no class", event["class_uid"])}
	}
	faults = o.object("", &class, event)
	check := func(good bool, format string, args ...any) {
		if !good {
			faults = append(faults, fmt.Sprintf(format, args...))
		}
	}
	activity, _ := event["activity_id"].(int64)
	check(event["type_uid"] == 100*uid+activity, "type_uid: %v", event["type_uid"])
	check(event["type_name"] == class.Name+": "+class.Enums["activity_id"].Values[activity], "type_name: %v", event["type_name"])
	check(event["class_name"] == class.Name, "class_name: %v", event["class_name"])
	check(event["category_uid"] == class.CategoryUID, "category_uid: %v", event["category_uid"])
	metadata, _ := event["metadata"].(map[string]any)
	check(metadata["version"] == o.Version, "metadata.version: %v", metadata["version"])
	return faults
}

func (o *ocsf) object(path string, schema *ocsfObject, object map[string]any) (faults []string) {
	for name, value := range object {
		kind, known := schema.Attributes[name]
		if !known {
			faults = append(faults, path+name+": is no attribute")
			continue
		}
		faults = append(faults, o.value(path+name, strings.TrimSuffix(kind, "!"), value)...)
	}
	for name, kind := range schema.Attributes {
		if _, given := object[name]; !given && strings.HasSuffix(kind, "!") {
			faults = append(faults, path+name+": is required")
		}
	}
	given := func(name string) bool { _, given := object[name]; return given }
	if len(schema.AtLeastOne) > 0 && !slices.ContainsFunc(schema.AtLeastOne, given) {
		faults = append(faults, fmt.Sprintf("%s: needs one of %v", path, schema.AtLeastOne))
	}
	for name, enum := range schema.Enums {
		faults = append(faults, enum.faults(path, name, object)...)
	}
	return faults
}

// faults holds an identifier against its values and against the text beside it, which is the source's own for Other.
func (e *ocsfEnum) faults(path, name string, object map[string]any) []string {
	id, given := object[name].(int64)
	if !given {
		return nil
	}
	const other = 99
	caption, known := e.Values[id]
	switch text, named := object[e.Name]; {
	case !known:
		return []string{fmt.Sprintf("%s%s: %d is no value", path, name, id)}
	case named && id != other && text != caption:
		return []string{fmt.Sprintf("%s%s: %v does not say %s", path, e.Name, text, caption)}
	case id == other && (!named || text == ""):
		return []string{fmt.Sprintf("%s%s: does not say what the source has", path, e.Name)}
	}
	return nil
}

func (o *ocsf) value(path, kind string, value any) (faults []string) {
	if element, array := strings.CutSuffix(kind, "[]"); array {
		elements, good := value.([]any)
		if !good || len(elements) == 0 {
			return []string{fmt.Sprintf("%s: %T is no array with something in it", path, value)}
		}
		for i, e := range elements {
			faults = append(faults, o.value(fmt.Sprintf("%s[%d]", path, i), element, e)...)
		}
		return faults
	}
	if slices.Contains(o.Scalars, kind) {
		if !ocsfScalar(kind, value) {
			return []string{fmt.Sprintf("%s: %v is no %s", path, value, kind)}
		}
		return nil
	}
	schema, known := o.Objects[kind]
	object, good := value.(map[string]any)
	if !known || !good {
		return []string{fmt.Sprintf("%s: %T is no %s", path, value, kind)}
	}
	return o.object(path+".", &schema, object)
}

func ocsfScalar(kind string, value any) bool {
	switch kind {
	case "json":
		return value != nil
	case "string":
		_, good := value.(string)
		return good
	case "boolean":
		_, good := value.(bool)
		return good
	}
	number, good := value.(int64)
	switch kind {
	case "integer":
		return good && number >= math.MinInt32 && number <= math.MaxInt32
	case "timestamp": // in milliseconds, not in another unit
		return good && number > 946684800000 && number < 4102444800000
	default:
		return good
	}
}
