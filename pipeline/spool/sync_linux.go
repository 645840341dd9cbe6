package spool

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// datasync puts a file's bytes on disk, without the times of its inode.
func datasync(f *os.File) error {
	if err := unix.Fdatasync(int(f.Fd())); err != nil {
		return fmt.Errorf("spool: sync: %w", err)
	}
	return nil
}

// allocate takes room on the disk for a file; where the file system cannot, by
// writing it.
func allocate(f *os.File, size int64) error {
	if unix.Fallocate(int(f.Fd()), 0, 0, size) == nil {
		return nil
	}
	return fill(f, size)
}
