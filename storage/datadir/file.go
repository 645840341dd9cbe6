package datadir

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Replace writes a file whole or not at all: after a cut of the power there is
// the old one or the new one. One process at a time may replace a path.
func Replace(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("datadir: %w", err)
	}
	if err := finish(f, write); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("datadir: %w", err)
	}
	return SyncFolder(filepath.Dir(path))
}

// Create is Replace for a path that must not be there yet, in a folder that
// other processes write to as well; the error is os.ErrExist if one was first.
func Create(path string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fmt.Errorf("datadir: %w", err)
	}
	defer os.Remove(f.Name())
	if err := finish(f, write); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil {
		return fmt.Errorf("datadir: %w", err)
	}
	return SyncFolder(filepath.Dir(path))
}

// finish fills a file, puts it on the disk and closes it.
func finish(f *os.File, write func(io.Writer) error) error {
	err := write(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("datadir: write %s: %w", filepath.Base(f.Name()), err)
	}
	return nil
}

// SyncFolder puts the names in a folder on the disk.
func SyncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("datadir: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("datadir: sync folder: %w", err)
	}
	return nil
}
