package tenants

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/confmap"
	"go.yaml.in/yaml/v3"
)

const (
	maxFileSize   = 64 << 20
	maxSecretSize = 64 << 10
)

// ReadFile reads a tenants file, bounded.
func ReadFile(path string) ([]byte, error) { return read(path, maxFileSize) }

func read(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // a pipe, which would be waited for
		return nil, fmt.Errorf("reading %s: not a regular file", path)
	}
	file, err := os.Open(path) //nolint:gosec // a path of the configuration
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("reading %s: larger than %d bytes", path, limit)
	}
	return data, nil
}

// document is a tenants file.
type document struct {
	Tenants []Row `mapstructure:"tenants"`
}

// Parse reads the rows of a tenants file as strictly as the collector reads its configuration.
func Parse(data []byte) ([]Row, error) {
	raw, err := decode(data)
	if err != nil {
		return nil, err
	}
	list, ok := raw["tenants"].([]any)
	if !ok {
		return nil, errors.New("tenants must be a list at the top of the file")
	}
	if err := checkKeys(list); err != nil {
		return nil, err
	}
	var doc document
	if err := confmap.NewFromStringMap(raw).Unmarshal(&doc); err != nil {
		return nil, err
	}
	if err := expandSecrets(doc.Tenants); err != nil {
		return nil, err
	}
	if err := confmap.Validate(&doc); err != nil {
		return nil, err
	}
	return doc.Tenants, nil
}

// decode reads the one document that a file may hold: rows after a second --- would be lost without a word.
func decode(data []byte) (map[string]any, error) {
	raw := map[string]any{}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	if err := decoder.Decode(&raw); err != nil && !errors.Is(err, io.EOF) {
		return nil, syntaxError(err)
	}
	var more yaml.Node
	switch err := decoder.Decode(&more); {
	case err == nil:
		return nil, errors.New("more than one YAML document: tenants must be one list")
	case !errors.Is(err, io.EOF):
		return nil, syntaxError(err)
	}
	return raw, nil
}

var lineNumber = regexp.MustCompile(`line \d+`)

// syntaxError keeps the place alone: the parser's text may quote the file, and with it a secret.
func syntaxError(err error) error {
	if line := lineNumber.FindString(err.Error()); line != "" {
		return errors.New("not valid YAML at " + line)
	}
	return errors.New("not valid YAML")
}

func expandSecrets(rows []Row) error {
	for i := range rows {
		for _, secret := range secrets(&rows[i]) {
			expanded, err := expand(string(*secret.value))
			if err != nil {
				return fmt.Errorf("tenants::%d::%s: %w", i, secret.key, err)
			}
			*secret.value = configopaque.String(expanded)
		}
	}
	return nil
}

// secret is a value of a row that nobody may see, with its key.
type secret struct {
	key   string
	value *configopaque.String
}

func secrets(r *Row) (found []secret) {
	if r.RefreshToken != nil {
		found = append(found, secret{"refresh_token", r.RefreshToken})
	}
	if r.Application == nil {
		return found
	}
	for i := range r.Application.Credentials {
		c, key := &r.Application.Credentials[i], fmt.Sprintf("application::credentials::%d::", i)
		found = append(found, secret{key + "client_secret", &c.ClientSecret}, secret{key + "certificate_password", &c.CertificatePassword})
	}
	return found
}

var reference = regexp.MustCompile(`\$\$|\$\{(env|file):([^${}]*)\}`)

// expand replaces ${env:NAME}, ${env:NAME:-default} and ${file:PATH}, and $$ by $, as the collector does.
func expand(value string) (string, error) {
	var errs []error
	expanded := reference.ReplaceAllStringFunc(value, func(match string) string {
		part := reference.FindStringSubmatch(match)
		var text string
		var err error
		switch part[1] {
		case "env":
			text, err = fromEnvironment(part[2])
		case "file":
			text, err = fromFile(part[2])
		default:
			text = "$"
		}
		errs = append(errs, err)
		return text
	})
	return expanded, errors.Join(errs...)
}

func fromEnvironment(name string) (string, error) {
	name, otherwise, hasDefault := strings.Cut(name, ":-")
	if value, ok := os.LookupEnv(name); ok {
		return value, nil
	}
	if !hasDefault {
		return "", fmt.Errorf("%s is not set", variable(name))
	}
	return otherwise, nil
}

var variableName = regexp.MustCompile(`^[A-Z_][A-Z0-9_]*$`)

// variable quotes only what looks like the name of a variable: a secret written in its place does not.
func variable(name string) string {
	if variableName.MatchString(name) {
		return "environment variable " + name
	}
	return "the environment variable it names"
}

func fromFile(path string) (string, error) {
	data, err := read(path, maxSecretSize)
	return strings.TrimSpace(string(data)), err
}
