package terminal_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/otelcol-defender/otelcol-defender/internal/ctl/terminal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAFileIsNoTerminal(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	out := terminal.Of(file)
	assert.False(t, out.Terminal || out.Colour)
	assert.Equal(t, terminal.Width, out.Width)
	assert.Equal(t, "text", out.Paint(terminal.Red, "text"))
}

func TestWrap(t *testing.T) {
	link := "https://login.example/" + strings.Repeat("x", 40)
	assert.Equal(t, "  one two\n  three\n  "+link+"\n  four", terminal.Wrap("one two three "+link+"\n four", "  ", 11))
	assert.Empty(t, terminal.Wrap("  ", "  ", 11))
}

func TestWords(t *testing.T) {
	for text, want := range map[string]string{
		"an administrator must consent":        "An administrator must consent.",
		"consent: https://login.example/a?b=c": "Consent: https://login.example/a?b=c",
		"Is it on?":                            "Is it on?",
		" éteint ":                             "Éteint.",
		"":                                     "",
	} {
		assert.Equal(t, want, terminal.Sentence(text))
	}
	assert.Equal(t, "contos…", terminal.Cut("contoso-europe", 7))
	assert.Equal(t, "größer", terminal.Cut("größer", 6))
	assert.Equal(t, "a [31mb c", terminal.Printable("a\x1b[31mb\nc\x00", 20))
	assert.Equal(t, "ab…", terminal.Printable("abc", 2))
}

func TestColumnsAreAlignedWithAndWithoutColour(t *testing.T) {
	var c terminal.Columns
	c.Add([]string{"TENANT", "STATE", "END"})
	c.Add([]string{"größer", "ok", ""}, terminal.Plain, terminal.Green)
	c.Add([]string{"contoso", "fails", "now"})
	assert.Equal(t, []string{"> TENANT   STATE  END", "> größer   ok", "> contoso  fails  now"}, c.Lines(terminal.Output{}, "> "))
	assert.Equal(t, "> größer   \x1b[32mok\x1b[0m", c.Lines(terminal.Output{Colour: true}, "> ")[1][:len("> größer   \x1b[32mok\x1b[0m")])
}

func TestProgressIsForTerminals(t *testing.T) {
	var b bytes.Buffer
	p := terminal.NewProgress(terminal.Output{Writer: &b}, 2, "checks")
	p.Step()
	p.End()
	assert.Empty(t, b.String())

	p = terminal.NewProgress(terminal.Output{Writer: &b, Terminal: true}, 2, "checks")
	p.Step()
	assert.True(t, strings.HasSuffix(b.String(), "[###############...............] 1 of 2 checks"), b.String())
	p.End()
	p.End()
	assert.True(t, strings.HasSuffix(b.String(), "checks\r\x1b[K"))
	terminal.NewProgress(terminal.Output{Writer: &b, Terminal: true}, 0, "checks").End()
}
