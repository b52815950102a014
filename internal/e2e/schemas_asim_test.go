package e2e_test

import (
	"fmt"
	"slices"
	"time"
)

// asim is the documented schema, as far as it is written down in testdata.
type asim struct {
	Columns  map[string]asimColumn
	GoesWith map[string]string `yaml:"goes_with"`
}

type asimColumn struct {
	Class, Type, Alias string
	Values             []string
}

// faults lists what a row has that the schema does not permit, or has not that it requires.
func (a *asim) faults(row map[string]any) (faults []string) {
	for name, value := range row {
		column, known := a.Columns[name]
		text, _ := value.(string)
		switch {
		case !known:
			faults = append(faults, name+": is no column")
		case !asimType(column.Type, value):
			faults = append(faults, fmt.Sprintf("%s: %v is no %s", name, value, column.Type))
		case column.Values != nil && !slices.Contains(column.Values, text):
			faults = append(faults, fmt.Sprintf("%s: %s is no value", name, text))
		}
	}
	for name, column := range a.Columns {
		_, given := row[name]
		switch {
		case column.Class == "mandatory" && !given:
			faults = append(faults, name+": is mandatory")
		case column.Alias != "" && row[name] != row[column.Alias]:
			faults = append(faults, fmt.Sprintf("%s: %v is not %s", name, row[name], column.Alias))
		}
	}
	for name, other := range a.GoesWith {
		if (row[name] == nil) != (row[other] == nil) {
			faults = append(faults, fmt.Sprintf("%s: %v goes with %s, which is %v", name, row[name], other, row[other]))
		}
	}
	return faults
}

func asimType(kind string, value any) bool {
	text, isText := value.(string)
	switch kind {
	case "int", "long":
		_, good := value.(int64)
		return good
	case "bool":
		_, good := value.(bool)
		return good
	case "datetime":
		_, err := time.Parse(time.RFC3339Nano, text)
		return err == nil
	case "dynamic":
		_, good := value.(map[string]any)
		return good
	default:
		return isText
	}
}
