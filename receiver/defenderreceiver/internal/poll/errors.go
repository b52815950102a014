package poll

import (
	"errors"

	"github.com/otelcol-defender/otelcol-defender/extension/entraauthextension/entraauth"
	"github.com/otelcol-defender/otelcol-defender/receiver/defenderreceiver/internal/api"
)

// RefusedError says that the pipeline did not take records. They are read again.
type RefusedError struct{ Err error }

func (e *RefusedError) Error() string { return "delivering: " + e.Err.Error() }
func (e *RefusedError) Unwrap() error { return e.Err }

// StorageError says that the checkpoint could not be read or written.
type StorageError struct{ Err error }

func (e *StorageError) Error() string { return e.Err.Error() }
func (e *StorageError) Unwrap() error { return e.Err }

// pagingError says that following the pages of an answer does not come to an end.
type pagingError struct{ problem string }

func (e *pagingError) Error() string { return e.problem }

// Explanation is an error as an operator needs it.
type Explanation struct {
	// Reason is one word for metrics and searches.
	Reason string
	// Action says who must do what, in a sentence.
	Action string
	// Cause is what happened.
	Cause string
}

// Explain says why a poll failed.
func Explain(err error) Explanation {
	var (
		token   *entraauth.Error
		answer  *api.Error
		refused *RefusedError
		blocked *BlockedError
		stored  *StorageError
		paging  *pagingError
	)
	x := Explanation{Cause: err.Error()}
	switch {
	case errors.As(err, &token):
		x.Reason, x.Action = string(token.Reason), token.Advice
		if token.Err != nil {
			x.Cause = token.Err.Error()
		}
	case errors.As(err, &answer):
		x.Reason, x.Action = string(answer.Kind), answer.Advice()
	case errors.As(err, &refused):
		x.Reason, x.Action = "pipeline_refused",
			"the provider checks the exporters; the records are read again until the pipeline takes them"
	case errors.As(err, &blocked):
		x.Reason, x.Action = "pipeline_blocked",
			"the provider checks the exporters: the pipeline has taken records and does not say whether it has delivered them; the others wait"
	case errors.As(err, &stored):
		x.Reason, x.Action = "storage",
			"the provider checks the storage extension; polling goes on from memory, and a restart repeats records with the same log.record.uid"
	case errors.As(err, &paging):
		x.Reason, x.Action = "endless_paging", "the provider checks `endpoint`: the API's pages do not come to an end"
	default:
		x.Reason, x.Action = "internal", "the provider reports this"
	}
	return x
}
