package ctl

import (
	"flag"
	"fmt"
	"slices"
	"strings"

	"github.com/otelcol-defender/otelcol-defender/internal/ctl/terminal"
)

func commands() []command { return []command{consentURL(), signIn(), doctorCommand()} }

func find(name string) (command, error) {
	all := commands()
	i := slices.IndexFunc(all, func(c command) bool { return c.name == name })
	if i < 0 {
		return command{}, fmt.Errorf("there is no command %q: see defenderctl help", name)
	}
	return all[i], nil
}

// help prints the overview, or the help of a command.
func (p *Program) help(args []string) error {
	if len(args) == 0 {
		_, _ = fmt.Fprint(p.Stdout, overview())
		return nil
	}
	cmd, err := find(args[0])
	if err != nil {
		return err
	}
	_, _ = fmt.Fprint(p.Stdout, cmd.help())
	return nil
}

func overview() string {
	var b strings.Builder
	b.WriteString("defenderctl gets tenants in: it reads the configuration of the collector and uses the same code.\n\nUsage: defenderctl COMMAND --config FILE [flags]\n\n")
	var columns terminal.Columns
	for _, c := range commands() {
		columns.Add([]string{c.name, c.summary})
	}
	columns.Add([]string{"help COMMAND", "flags and examples of a command"})
	columns.Add([]string{"version", "the version of this program"})
	b.WriteString(strings.Join(columns.Lines(terminal.Output{}, "  "), "\n"))
	b.WriteString("\n\nExit status: 0 all is well, 1 something is wrong, 2 the configuration or the command line cannot be used,\n130 interrupted.\n")
	return b.String()
}

func (c command) help() string {
	var b strings.Builder
	fmt.Fprintf(&b, "defenderctl %s: %s\n\nUsage: defenderctl %s --config FILE [flags]\n\n%s\nFlags:\n", c.name, c.summary, c.name, strings.TrimLeft(c.about, "\n"))
	set := flag.NewFlagSet(c.name, flag.ContinueOnError)
	c.flags(set)
	var columns terminal.Columns
	set.VisitAll(func(f *flag.Flag) {
		value, usage := flag.UnquoteUsage(f)
		name := "--" + f.Name
		if value != "" {
			name += " " + value
		}
		if f.DefValue != "" && f.DefValue != "false" {
			usage += " (default " + f.DefValue + ")"
		}
		columns.Add([]string{name, usage})
	})
	b.WriteString(strings.Join(columns.Lines(terminal.Output{}, "  "), "\n") + "\n")
	return b.String()
}
