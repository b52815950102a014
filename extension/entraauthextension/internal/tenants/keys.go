package tenants

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/internal/credential"
)

// checkKeys refuses unknown keys without quoting them, as the decoder would: a mistyped one may be a secret. What is not of
// the right kind is the decoder's to refuse.
func checkKeys(rows []any) error {
	rowKeys := keysOf[Row]()
	applicationKeys := keysOf[credential.Application]()
	credentialKeys := keysOf[credential.Config]()
	identityKeys := keysOf[credential.ManagedIdentity]()
	var errs []error
	for i, row := range rows {
		application, path := child(row, "application"), fmt.Sprintf("tenants::%d::application", i)
		errs = append(errs, only(unlikely(mapping(row)), fmt.Sprintf("tenants::%d", i), rowKeys), only(application, path, applicationKeys))
		credentials, _ := application["credentials"].([]any)
		for j, entry := range credentials {
			cred, path := mapping(entry), fmt.Sprintf("%s::credentials::%d", path, j)
			errs = append(errs, only(cred, path, credentialKeys),
				only(child(cred, "managed_identity"), path+"::managed_identity", identityKeys))
		}
	}
	return errors.Join(errs...)
}

// keysOf lists the keys that a struct is decoded from.
func keysOf[T any]() []string {
	var keys []string
	for field := range reflect.TypeFor[T]().Fields() {
		keys = append(keys, field.Tag.Get("mapstructure"))
	}
	return keys
}

var likely = regexp.MustCompile(`^[a-z_]{1,20}$`)

// unlikely leaves what looks like a mistyped key to the decoder, which quotes it. The rest may be a token.
func unlikely(row map[string]any) map[string]any {
	rest := maps.Clone(row)
	maps.DeleteFunc(rest, func(key string, _ any) bool { return likely.MatchString(key) })
	return rest
}

func child(parent any, key string) map[string]any { return mapping(mapping(parent)[key]) }

// mapping returns v as a mapping, empty if it is something else.
func mapping(v any) map[string]any {
	switch v := v.(type) {
	case map[string]any:
		return v
	case map[any]any: // what YAML makes of a mapping with a key that is no text
		m := make(map[string]any, len(v))
		for key, value := range v {
			m[fmt.Sprint(key)] = value
		}
		return m
	default:
		return nil
	}
}

func only(m map[string]any, path string, known []string) error {
	for key := range m {
		if !slices.Contains(known, key) {
			return fmt.Errorf("%s holds a key that is unknown, or a colon is missing: it takes %s", path, strings.Join(known, ", "))
		}
	}
	return nil
}
