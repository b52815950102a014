package poll

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/consumer/consumererror"
)

func TestARefusalIsForGoodWhenEveryPipelineSaysSo(t *testing.T) {
	full := errors.New("queue is full")
	bad := consumererror.NewPermanent(errors.New("too large"))
	for name, tt := range map[string]struct {
		err  error
		want bool
	}{
		"no room":                           {full, false},
		"for good":                          {bad, true},
		"for good, wrapped":                 {fmt.Errorf("exporting: %w", bad), true},
		"both for good":                     {errors.Join(bad, bad), true},
		"one for good, one has no room":     {errors.Join(bad, full), false},
		"the same, wrapped":                 {fmt.Errorf("x: %w", errors.Join(full, bad)), false},
		"one pipeline's error made of many": {consumererror.NewPermanent(errors.Join(full, full)), true},
		"joined of joined":                  {errors.Join(errors.Join(bad, bad), errors.Join(bad, full)), false},
		"nothing joined":                    {errors.Join(bad), true},
	} {
		assert.Equal(t, tt.want, forGood(tt.err), name)
	}
}
