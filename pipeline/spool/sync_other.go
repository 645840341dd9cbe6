//go:build !linux

package spool

import (
	"fmt"
	"os"
)

// datasync puts a file on disk.
func datasync(f *os.File) error {
	if err := f.Sync(); err != nil {
		return fmt.Errorf("spool: sync: %w", err)
	}
	return nil
}

// allocate takes room on the disk for a file.
func allocate(f *os.File, size int64) error { return fill(f, size) }
