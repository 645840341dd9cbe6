package accounts

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

const fileVersion = 1

// file is accounts.json.
type file struct {
	Version  int     `json:"v"`
	Accounts []entry `json:"accounts"`
}

type entry struct {
	Account
	Hash string `json:"bcrypt"`
}

func (f *file) find(name string) int {
	return slices.IndexFunc(f.Accounts, func(e entry) bool { return e.Name == name })
}

func (a *Accounts) read() (*file, error) {
	text, err := os.ReadFile(a.path)
	if errors.Is(err, fs.ErrNotExist) {
		return &file{Version: fileVersion}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("accounts: read: %w", err)
	}
	var f file
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("accounts: %s is damaged: %w", filepath.Base(a.path), err)
	}
	if f.Version != fileVersion {
		return nil, fmt.Errorf("accounts: %s has version %d, want %d", filepath.Base(a.path), f.Version, fileVersion)
	}
	return &f, nil
}

// change reads, changes and replaces the file while no other process does.
func (a *Accounts) change(ctx context.Context, edit func(*file) error) error {
	unlock, err := lock(ctx, a.path+".lock")
	if err != nil {
		return err
	}
	defer unlock()
	f, err := a.read()
	if err != nil {
		return err
	}
	if err := edit(f); err != nil {
		return err
	}
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return fmt.Errorf("accounts: encode: %w", err)
	}
	return replace(a.path, append(text, '\n'))
}

// replace writes a file beside the old one and renames it over, so that a
// reader finds either the old or the new one.
func replace(path string, text []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".accounts-*") // made with mode 0600
	if err != nil {
		return fmt.Errorf("accounts: write: %w", err)
	}
	defer os.Remove(tmp.Name()) // in vain after the rename
	_, err = tmp.Write(text)
	if err == nil {
		err = tmp.Sync()
	}
	if e := tmp.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("accounts: write: %w", err)
	}
	return nil
}

const lockPoll = 20 * time.Millisecond

// lock waits for the advisory lock of a file until ctx ends.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("accounts: lock: %w", err)
	}
	tick := time.NewTicker(lockPoll)
	defer tick.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil // closing releases the lock
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			f.Close()
			return nil, fmt.Errorf("accounts: lock: %w", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("accounts: lock: %w", ctx.Err())
		}
	}
}
