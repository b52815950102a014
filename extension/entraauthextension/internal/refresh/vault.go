package refresh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

const (
	// tries and pause bound the wait for a storage that somebody else has open. A storage may wait by itself in each try,
	// file_storage for its `timeout`.
	tries = 5
	pause = 200 * time.Millisecond
	// writes is how often a value is stored that is gone when it is looked for; the last time is a look alone.
	writes = 8
)

var errNotKept = errors.New("the storage loses what is stored: leave `compaction::on_start` of file_storage off")

// Vault is the storage of all refresh tokens, opened by one at a time.
type Vault struct {
	open func(ctx context.Context) (storage.Client, error)
	keys *Keys
	turn chan struct{}
}

// NewVault returns a vault; nothing is opened yet.
func NewVault(open func(ctx context.Context) (storage.Client, error), keys *Keys) *Vault {
	return &Vault{open: open, keys: keys, turn: make(chan struct{}, 1)}
}

// Slot is the place of one tenant's token for one application.
func (v *Vault) Slot(tenantID, clientID string) *Slot {
	return &Slot{vault: v, key: strings.ToLower(tenantID) + "/" + strings.ToLower(clientID)}
}

// Slot is where one token is kept.
type Slot struct {
	vault *Vault
	key   string
}

// Stored is what a slot held when it was read: nothing, an entry, or something that could not be read.
type Stored struct {
	Entry
	raw []byte
}

// Empty tells whether there was nothing.
func (s Stored) Empty() bool { return len(s.raw) == 0 }

// Same tells whether both were read of the same writing.
func (s Stored) Same(other Stored) bool { return bytes.Equal(s.raw, other.raw) }

// UnreadableError says why an entry that is there cannot be used. It never quotes it.
type UnreadableError struct{ Err error }

// Error returns what is wrong.
func (e *UnreadableError) Error() string {
	return "the stored refresh token cannot be read: " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *UnreadableError) Unwrap() error { return e.Err }

// Load reads the slot. An *UnreadableError says that there is an entry which cannot be used: the other result stands for it
// all the same. Any other error is the storage's.
func (s *Slot) Load(ctx context.Context) (stored Stored, err error) {
	err = s.vault.with(ctx, func(client storage.Client) error {
		stored.raw, err = client.Get(ctx, s.key)
		return err
	})
	if err != nil || stored.Empty() {
		return Stored{}, err
	}
	if len(stored.raw) > maxEntry {
		return stored, &UnreadableError{errDamaged}
	}
	plain, err := s.vault.keys.open(stored.raw, s.key)
	if err == nil {
		stored.Entry, err = decode(plain)
	}
	if err != nil {
		return stored, &UnreadableError{err}
	}
	return stored, nil
}

// Replace stores an entry where the slot still holds what was read before, and returns what it holds then. Where somebody
// else has stored another one since, that one stays, which is reported with false.
func (s *Slot) Replace(ctx context.Context, before Stored, e Entry) (after Stored, replaced bool, err error) {
	raw, err := s.seal(e)
	if err != nil {
		return before, false, err
	}
	err = s.keep(ctx, raw, func(now []byte) bool {
		replaced = bytes.Equal(now, before.raw) || bytes.Equal(now, raw)
		return replaced
	})
	if err != nil || !replaced {
		return before, false, err
	}
	return Stored{e, raw}, true, nil
}

// Put stores an entry, whatever was there.
func (s *Slot) Put(ctx context.Context, e Entry) error {
	raw, err := s.seal(e)
	if err != nil {
		return err
	}
	return s.keep(ctx, raw, func([]byte) bool { return true })
}

// keep stores a value where may agrees to what is there, and looks whether it is there once the storage was closed: one
// that compacts its file at each opening puts another file in place of that which somebody waits for.
func (s *Slot) keep(ctx context.Context, raw []byte, may func(now []byte) bool) error {
	var was []byte
	for n := range writes {
		kept := true
		err := s.vault.with(ctx, func(client storage.Client) error {
			now, err := client.Get(ctx, s.key)
			switch {
			case err != nil || !may(now):
				return err
			case bytes.Equal(now, raw), n > 0 && !bytes.Equal(now, was):
				return nil // it is there, or was until somebody stored another one
			}
			was, kept = now, false
			return client.Set(ctx, s.key, raw)
		})
		if err != nil || kept {
			return err
		}
	}
	return errNotKept
}

func (s *Slot) seal(e Entry) ([]byte, error) {
	plain, err := e.encode()
	if err != nil {
		return nil, err
	}
	return s.vault.keys.seal(plain, s.key), nil
}

// with opens the storage, uses it and closes it again.
func (v *Vault) with(ctx context.Context, use func(storage.Client) error) (err error) {
	select {
	case v.turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("waiting for the storage: %w", context.Cause(ctx))
	}
	defer func() { <-v.turn }()
	client, err := v.patiently(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close(context.WithoutCancel(ctx))) }()
	return guarded(func() error { return use(client) })
}

// patiently opens the storage, which another process may have open for a moment.
func (v *Vault) patiently(ctx context.Context) (storage.Client, error) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var last error
	for n := range tries {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil, errors.Join(last, context.Cause(ctx))
		}
		var client storage.Client
		last = guarded(func() (err error) { client, err = v.open(ctx); return err })
		if last == nil {
			return client, nil
		}
		timer.Reset(pause << n)
	}
	return nil, fmt.Errorf("opening the storage: %w", last)
}

// guarded turns the panic of a storage into an error, and so the fault of reading a file that is shorter than it says: bbolt
// has both on a damaged file, and this is no start at which ending would be right. Where bbolt does so in a goroutine of
// its own nothing can be caught, and the process ends.
func guarded(f func() error) (err error) {
	before := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(before)
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the storage's file is damaged, move it away: %v", p)
		}
	}()
	return f()
}
