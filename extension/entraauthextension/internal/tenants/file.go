package tenants

import (
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
	raw := map[string]any{}
	if err := yaml.Unmarshal(data, &raw); err != nil {
		return nil, syntaxError(err)
	}
	if _, ok := raw["tenants"].([]any); !ok {
		return nil, errors.New("tenants must be a list at the top of the file")
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
		app := rows[i].Application
		if app == nil {
			continue
		}
		for j := range app.Credentials {
			c := &app.Credentials[j]
			for _, secret := range []struct {
				key   string
				value *configopaque.String
			}{{"client_secret", &c.ClientSecret}, {"certificate_password", &c.CertificatePassword}} {
				expanded, err := expand(string(*secret.value))
				if err != nil {
					return fmt.Errorf("tenants::%d::application::credentials::%d::%s: %w", i, j, secret.key, err)
				}
				*secret.value = configopaque.String(expanded)
			}
		}
	}
	return nil
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
		return "", fmt.Errorf("environment variable %s is not set", name)
	}
	return otherwise, nil
}

func fromFile(path string) (string, error) {
	data, err := read(path, maxSecretSize)
	return strings.TrimSpace(string(data)), err
}
