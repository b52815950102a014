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

// Explain says why a poll failed in a word for metrics, and who must do what in a sentence.
func Explain(err error) (reason, advice string) {
	var (
		token   *entraauth.Error
		answer  *api.Error
		refused *RefusedError
		stored  *StorageError
		paging  *pagingError
	)
	switch {
	case errors.As(err, &token):
		return string(token.Reason), token.Advice
	case errors.As(err, &answer):
		return string(answer.Kind), answer.Advice()
	case errors.As(err, &refused):
		return "pipeline_refused", "the provider checks the exporters; the records are read again until the pipeline takes them"
	case errors.As(err, &stored):
		return "storage", "the provider checks the storage extension; polling goes on from memory, and a restart repeats records with the same log.record.uid"
	case errors.As(err, &paging):
		return "endless_paging", "the provider checks `endpoint`: the API's pages do not come to an end"
	default:
		return "internal", "the provider reports this"
	}
}
