package entraauthextension

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
)

func TestDefaults(t *testing.T) {
	cfg := load(t, twoTenants)
	assert.Equal(t, "public", cfg.Cloud)
	assert.Equal(t, time.Minute, cfg.RecheckInterval)
	assert.Equal(t, 30*time.Second, cfg.HTTP.Timeout)
	assert.True(t, cfg.Tenants[0].IsEnabled())
}

func TestGoodConfigurations(t *testing.T) {
	for name, text := range map[string]string{
		"file alone":        oneSecret + "tenants_file: t.yaml",
		"own application":   "tenants: [{id: " + contoso + ", application: {client_id: " + clientID + ", credentials: [{client_secret: x}]}}]",
		"every credential":  "tenants_file: t\napplication: {client_id: " + clientID + ", credentials: [{client_secret: x}, {certificate_file: a, certificate_password: b}, {federated_token_file: c}, {managed_identity: {client_id: " + clientID + "}}]}",
		"authority":         twoTenants + "authority_host: https://login.example:8443",
		"authority, slash":  twoTenants + "authority_host: https://login.example/",
		"cloud":             twoTenants + "cloud: usgov_gcc",
		"recheck":           twoTenants + "recheck_interval: 1s",
		"recheck, long":     twoTenants + "recheck_interval: 24h",
		"default by name":   twoTenants + "default_tenant: contoso\ndefault_scope: https://monitor.azure.com/.default",
		"default by id":     twoTenants + "default_tenant: " + strings.ToUpper(contoso) + "\ndefault_scope: api://x/.default",
		"default from file": oneSecret + "tenants_file: t\ndefault_tenant: later\ndefault_scope: api://x/.default",
		"delegated":         delegatedTo + "refresh_token: 1.AX~}]",
		"delegated, later":  delegatedTo + "sign_in: delegated}]",
		"delegated, off":    oneSecret + "tenants: [{id: " + contoso + ", sign_in: delegated, enabled: false}]",
		"keys, for later":   twoTenants + "storage_encryption_key: " + storageKey + "\nstorage_encryption_old_keys: [" + storageKey + "]",
		"http":              twoTenants + "http: {timeout: 5s, proxy_url: http://proxy:3128, tls: {ca_file: ca.pem}}",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := tryLoad(t, text)
			require.NoError(t, err)
		})
	}
}

// storageKey is 32 bytes in base64.
const storageKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

const delegatedTo = oneSecret + "storage: file_storage\nstorage_encryption_key: " + storageKey + "\ntenants: [{id: " + contoso + ", name: contoso, "

func TestBadConfigurations(t *testing.T) {
	application := func(credential string) string {
		return "tenants_file: t\napplication: {client_id: " + clientID + ", credentials: [" + credential + "]}"
	}
	for name, tt := range map[string]struct{ text, want string }{
		"nothing":              {"", "tenants or tenants_file must name"},
		"unknown key":          {twoTenants + "clowd: public", "clowd"},
		"cloud":                {twoTenants + "cloud: mars", "cloud must be one of public, usgov_gcc, usgov_gcc_high, usgov_dod, china"},
		"authority http":       {twoTenants + "authority_host: http://login.example", "authority_host must be https://"},
		"authority path":       {twoTenants + "authority_host: https://login.example/common", "authority_host must be"},
		"authority user":       {twoTenants + "authority_host: https://u:p@login.example", "authority_host must be"},
		"authority bare":       {twoTenants + "authority_host: login.example", "authority_host must be"},
		"authority query":      {twoTenants + "authority_host: https://login.example?x", "authority_host must be"},
		"authority fragment":   {twoTenants + "authority_host: https://login.example#", "authority_host must be"},
		"authority no query":   {twoTenants + "authority_host: https://login.example?", "authority_host must be"},
		"authority port":       {twoTenants + "authority_host: https://login.example:99999", "authority_host must be"},
		"recheck, endless":     {twoTenants + "recheck_interval: 25h", "recheck_interval must be a duration of at least 1s and at most 24h"},
		"http middlewares":     {twoTenants + "http: {middlewares: [{id: x}]}", "middlewares cannot be set"},
		"http proxy":           {twoTenants + "http: {proxy_url: 'http://me:hunter2 @proxy:3128'}", "http: proxy_url must be"},
		"http proxy, bare":     {twoTenants + "http: {proxy_url: 'me:hunter2@proxy'}", "http: proxy_url must be"},
		"recheck":              {twoTenants + "recheck_interval: 30", "recheck_interval must be a duration of at least 1s"},
		"timeout":              {twoTenants + "http: {timeout: 30}", "timeout must be a duration of at least 1s"},
		"http endpoint":        {twoTenants + "http: {endpoint: https://x}", "endpoint cannot be set"},
		"http auth":            {twoTenants + "http: {auth: {authenticator: entra_auth}}", "auth cannot be set"},
		"http headers":         {twoTenants + "http: {headers: {a: b}}", "headers cannot be set"},
		"http compression":     {twoTenants + "http: {compression: gzip}", "compression cannot be set"},
		"client id":            {"tenants_file: t\napplication: {client_id: app, credentials: [{client_secret: x}]}", "application: client_id must be"},
		"no credential":        {application(""), "credentials must hold at least one"},
		"empty credential":     {application("{}"), "takes exactly one of client_secret, certificate_file, federated_token_file and managed_identity, not 0"},
		"unset variable":       {application("{client_secret: x}, {client_secret: ''}"), "application: credentials::1 is empty (an empty value counts as none: is the environment variable set?)"},
		"unset in a row":       {"tenants: [{id: " + contoso + ", application: {client_id: " + clientID + ", credentials: [{client_secret: ''}]}}]", "tenants::0: application: credentials::0 is empty (an empty value counts as none: is the environment variable set?)"},
		"name and id":          {oneSecret + "tenants: [{id: " + contoso + ", name: " + strings.ToUpper(fabrikam) + "}, {id: " + fabrikam + "}]", "is the id of another"},
		"two kinds":            {application("{client_secret: x, certificate_file: y}"), "exactly one"},
		"empty secret":         {application("{client_secret: ''}"), "not 0"},
		"password alone":       {application("{client_secret: x, certificate_password: y}"), "certificate_password goes with certificate_file"},
		"identity":             {application("{managed_identity: {client_id: me}}"), "user-assigned managed identity, a GUID"},
		"identity without id":  {application("{managed_identity: {}}"), "a GUID"},
		"no application":       {"tenants: [{id: " + contoso + "}]", "needs an application"},
		"tenant id":            {oneSecret + "tenants: [{id: contoso.com}]", "tenants::0: id must be"},
		"tenant cloud":         {oneSecret + "tenants: [{id: " + contoso + ", cloud: mars}]", "tenants::0: cloud must be one of"},
		"id twice":             {oneSecret + "tenants: [{id: " + contoso + "}, {id: " + strings.ToUpper(contoso) + ", name: b}]", "is there twice"},
		"name twice":           {oneSecret + "tenants: [{id: " + contoso + ", name: a}, {id: " + fabrikam + ", name: a}]", `"a" is there twice`},
		"attribute":            {oneSecret + "tenants: [{id: " + contoso + ", attributes: {a: [1]}}]", `attributes: "a"`},
		"enabled":              {oneSecret + "tenants: [{id: " + contoso + ", enabled: perhaps}]", "enabled"},
		"default alone":        {twoTenants + "default_tenant: contoso", "go together"},
		"scope alone":          {twoTenants + "default_scope: api://x/.default", "go together"},
		"default unknown":      {twoTenants + "default_tenant: nobody\ndefault_scope: api://x/.default", "default_tenant must be"},
		"default scope":        {twoTenants + "default_tenant: contoso\ndefault_scope: https://x", "default_scope must be of the form"},
		"default scope, http":  {twoTenants + "default_tenant: contoso\ndefault_scope: http://x/.default", "default_scope must be of the form"},
		"default scope, space": {twoTenants + "default_tenant: contoso\ndefault_scope: https://x/a b/.default", "default_scope must be of the form"},
		"no storage":           {oneSecret + "storage_encryption_key: " + storageKey + "\ntenants: [{id: " + contoso + ", name: contoso, refresh_token: x}]", `storage must name a storage extension such as file_storage: tenant "contoso"`},
		"no key":               {oneSecret + "storage: file_storage\ntenants: [{id: " + contoso + ", name: contoso, sign_in: delegated}]", "storage_encryption_key must be 32 bytes in base64, such as `openssl rand -base64 32` prints: tenant \"contoso\""},
		"bad key":              {twoTenants + "storage_encryption_key: hunter2", "storage_encryption_key must be 32 bytes in base64"},
		"bad old key":          {twoTenants + "storage_encryption_key: " + storageKey + "\nstorage_encryption_old_keys: [" + storageKey + ", hunter2]", "storage_encryption_old_keys::1 must be 32 bytes in base64"},
		"storage":              {twoTenants + "storage: not an id/", "storage"},
		"empty refresh token":  {delegatedTo + "refresh_token: ''}]", "tenants::0: refresh_token is empty (is the environment variable set?)"},
		"refresh token, space": {delegatedTo + "refresh_token: hunter2 hunter2}]", "refresh_token must be the refresh token alone"},
		"refresh token, app":   {delegatedTo + "refresh_token: x, sign_in: application}]", "refresh_token is for tenants that sign in by a user"},
		"sign in":              {delegatedTo + "sign_in: me}]", "sign_in must be application or delegated"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := tryLoad(t, tt.text)
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

func TestTenantsFileIsValidatedWhereItCanBeRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tenants.yaml")
	text := oneSecret + "tenants_file: " + path + "\ntenants:\n" + rowContoso
	for rows, want := range map[string]string{"  - {id: x}\n": "id must be", rowContoso: "is there twice", rowFabrikam: ""} {
		require.NoError(t, os.WriteFile(path, []byte("tenants:\n"+rows), 0o600))
		_, err := tryLoad(t, text)
		if want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "tenants_file "+path)
	}
	require.NoError(t, os.Remove(path))
	load(t, text)
}

func TestEveryProblemIsReportedAtOnce(t *testing.T) {
	_, err := tryLoad(t, "cloud: mars\nauthority_host: x\nrecheck_interval: 1\nhttp: {endpoint: a, timeout: 1}\napplication: {}\ntenants: [{id: a}, {cloud: b}]")
	for _, want := range []string{
		"cloud must", "authority_host must", "recheck_interval must", "endpoint cannot", "timeout must", "application: client_id", "credentials must",
		"tenants::0: id", "tenants::1: id", "cloud must be one of",
	} {
		require.ErrorContains(t, err, want)
	}
	assert.Equal(t, 1, strings.Count(err.Error(), "tenants::0: id"), "each once")
}

func TestSecretsAreNotPrinted(t *testing.T) {
	cfg := load(t, "tenants_file: t\napplication: {client_id: "+clientID+", credentials: [{client_secret: hunter2}, {certificate_file: a, certificate_password: hunter3}]}")
	cfg.Tenants = load(t, delegatedTo+"refresh_token: hunter4}]").Tenants
	cfg.StorageEncryptionKey, cfg.StorageEncryptionOldKeys = "hunter5", []configopaque.String{"hunter6"}
	text := fmt.Sprintf("%v %+v %#v %v %+v %#v", cfg.Application, cfg.Application.Credentials, cfg.Application.Credentials[0], cfg, cfg, cfg)
	assert.NotContains(t, text, "hunter")
}

// TestReadmeHasEveryKeyAndReason takes them from where they are defined.
func TestReadmeHasEveryKeyAndReason(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for prefix, of := range map[string]reflect.Type{"": reflect.TypeFor[Config](), "tenants::": reflect.TypeFor[TenantConfig]()} {
		for field := range of.Fields() {
			assert.Contains(t, string(readme), "\n| `"+prefix+field.Tag.Get("mapstructure")+"` |")
		}
	}
	source, err := os.ReadFile(filepath.Join("entraauth", "error.go"))
	require.NoError(t, err)
	reasons := regexp.MustCompile(`Reason = "(\w+)"`).FindAllStringSubmatch(string(source), -1)
	require.Greater(t, len(reasons), 12)
	for _, reason := range reasons {
		assert.Contains(t, string(readme), "\n| `"+reason[1]+"` |")
	}
}

// TestReadmeExamples holds every YAML example of the README against the configuration.
func TestReadmeExamples(t *testing.T) {
	t.Setenv("DEFENDER_CLIENT_SECRET", "x")
	t.Setenv("PFX_PASSWORD", "x")
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	examples := strings.Split(string(readme), "```yaml\n")[1:]
	require.NotEmpty(t, examples)
	for i, example := range examples {
		text, _, ok := strings.Cut(example, "```")
		require.True(t, ok)
		text = strings.ReplaceAll(text, "${env:ENTRA_STORAGE_KEY}", storageKey)
		t.Run(fmt.Sprint(i), func(t *testing.T) { checkExample(t, text) })
	}
}

func checkExample(t *testing.T, text string) {
	t.Helper()
	if strings.HasPrefix(text, "# tenants.yaml") {
		_, err := load(t, oneSecret+"tenants_file: /no/such/file").merge([]byte(text))
		require.NoError(t, err)
		return
	}
	path := filepath.Join(t.TempDir(), "example.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	conf, err := confmaptest.LoadConf(path)
	require.NoError(t, err)
	sub, err := conf.Sub("extensions::entra_auth")
	require.NoError(t, err)
	require.NotEmpty(t, sub.ToStringMap(), "an example of the extension")
	cfg := NewFactory().CreateDefaultConfig()
	require.NoError(t, sub.Unmarshal(cfg))
	require.NoError(t, confmap.Validate(cfg))
}
