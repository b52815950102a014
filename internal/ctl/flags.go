package ctl

import (
	"context"
	"errors"
	"flag"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/otelcol-defender/otelcol-defender/internal/ctl/deployment"
)

// list is a flag that may be repeated.
type list []string

func (l *list) String() string { return "" }

func (l *list) Set(value string) error {
	if value == "" {
		return errors.New("takes a value")
	}
	*l = append(*l, value)
	return nil
}

// common are the flags of every command.
type common struct {
	config  list
	tenants list
	verbose bool
}

func (c *common) declare(f *flag.FlagSet) {
	f.Var(&c.config, "config", "the collector's configuration `FILE`; several are laid over each other")
	f.Var(&c.tenants, "tenant", "`NAME` or id of a tenant; may be repeated")
	f.BoolVar(&c.verbose, "verbose", false, "write what the components log to standard error")
}

// load reads the configuration.
func (c *common) load(ctx context.Context, p *Program) (*deployment.Deployment, error) {
	if len(c.config) == 0 {
		return nil, errors.New("--config FILE is missing: it takes the configuration that the collector runs with")
	}
	return deployment.Load(ctx, c.config, p.logger(zapcore.WarnLevel))
}

// start runs the extensions of the configuration.
func (c *common) start(ctx context.Context, p *Program, d *deployment.Deployment) (*deployment.Running, error) {
	return d.Start(ctx, p.Build, c.logger(p))
}

// logger is for the components.
func (c *common) logger(p *Program) *zap.Logger {
	if c.verbose {
		return p.logger(zapcore.DebugLevel)
	}
	return zap.NewNop()
}

// logger writes to standard error for people.
func (p *Program) logger(level zapcore.Level) *zap.Logger {
	encoder := zapcore.NewConsoleEncoder(zapcore.EncoderConfig{
		LevelKey: "level", MessageKey: "message", EncodeLevel: zapcore.LowercaseLevelEncoder, ConsoleSeparator: "  ",
		EncodeTime: zapcore.RFC3339TimeEncoder, EncodeDuration: zapcore.StringDurationEncoder,
	})
	return zap.New(zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(p.Stderr)), level))
}
