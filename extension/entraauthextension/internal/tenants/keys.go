package tenants

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Keys of a row's application and of what is below it, where a mistyped key may be a secret.
var (
	applicationKeys = []string{"client_id", "credentials"}
	credentialKeys  = []string{"client_secret", "certificate_file", "certificate_password", "federated_token_file", "managed_identity"}
	identityKeys    = []string{"client_id"}
)

// checkKeys refuses unknown keys at and below application without quoting them, as the decoder would. What is not of the
// right kind is the decoder's to refuse.
func checkKeys(rows []any) error {
	var errs []error
	for i, row := range rows {
		application, path := child(row, "application"), fmt.Sprintf("tenants::%d::application", i)
		errs = append(errs, only(application, path, applicationKeys))
		credentials, _ := application["credentials"].([]any)
		for j, entry := range credentials {
			cred, path := mapping(entry), fmt.Sprintf("%s::credentials::%d", path, j)
			errs = append(errs, only(cred, path, credentialKeys),
				only(child(cred, "managed_identity"), path+"::managed_identity", identityKeys))
		}
	}
	return errors.Join(errs...)
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
