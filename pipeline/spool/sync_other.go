//go:build !linux

package spool

import (
	"errors"
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

// mapFile is for systems where room on the disk can be taken for certain.
func mapFile(*os.File, int64) ([]byte, error) { return nil, errors.ErrUnsupported }

func unmapFile([]byte) error { return nil }
