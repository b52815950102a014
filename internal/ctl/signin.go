package ctl

import (
	"context"
	"errors"
	"flag"
)

func signIn() command {
	return command{
		name: "sign-in", summary: "sign a user in for the delegated method, and store the refresh token",
		flags: func(f *flag.FlagSet) action {
			var c common
			c.declare(f)
			return func(context.Context, *Program) error { return errors.New("not yet") }
		},
	}
}
