package e2e_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// ecs is the published field list, as far as it is written down in testdata.
type ecs struct {
	Version  string
	Custom   []string
	Required []string
	Fields   map[string]string
	Values   map[string][]string
}

// faults lists what a document has that the field list does not permit, or has not that every document of an alert has.
func (e *ecs) faults(document map[string]any) (faults []string) {
	given := map[string]bool{}
	e.walk("", document, func(field string, value any) {
		given[field] = true
		if fault := e.field(field, value); fault != "" {
			faults = append(faults, field+": "+fault)
		}
	})
	for _, field := range e.Required {
		if !given[field] {
			faults = append(faults, field+": is required")
		}
	}
	version, _ := document["ecs"].(map[string]any)
	if version["version"] != e.Version {
		faults = append(faults, fmt.Sprintf("ecs.version: %v", version["version"]))
	}
	return faults
}

// walk visits every field that is no object. Labels are one field.
func (e *ecs) walk(prefix string, object map[string]any, visit func(string, any)) {
	for name, value := range object {
		field := prefix + name
		if inner, nested := value.(map[string]any); nested && e.Fields[field] == "" {
			e.walk(field+".", inner, visit)
			continue
		}
		visit(field, value)
	}
}

func (e *ecs) field(field string, value any) string {
	if slices.ContainsFunc(e.Custom, func(prefix string) bool { return strings.HasPrefix(field, prefix) }) {
		return ""
	}
	kind, known := e.Fields[field]
	if !known {
		return "is no field"
	}
	kind, array := strings.CutSuffix(kind, "[]")
	elements := []any{value}
	if list, is := value.([]any); is != array {
		return fmt.Sprintf("%T, where an array is %v", value, array)
	} else if array {
		elements = list
	}
	if len(elements) == 0 {
		return "has nothing in it"
	}
	for _, element := range elements {
		text, _ := element.(string)
		switch permitted := e.Values[field]; {
		case !ecsType(kind, element):
			return fmt.Sprintf("%v is no %s", element, kind)
		case permitted != nil && !slices.Contains(permitted, text):
			return text + " is no value"
		}
	}
	return ""
}

func ecsType(kind string, value any) bool {
	text, isText := value.(string)
	switch kind {
	case "long":
		_, good := value.(int64)
		return good
	case "date":
		_, err := time.Parse(time.RFC3339Nano, text)
		return err == nil
	case "ip":
		_, err := netip.ParseAddr(text)
		return err == nil
	case "labels":
		labels, good := value.(map[string]any)
		for name, label := range labels {
			_, isText := label.(string)
			good = good && isText && !strings.Contains(name, ".")
		}
		return good && len(labels) > 0
	default:
		return isText
	}
}
