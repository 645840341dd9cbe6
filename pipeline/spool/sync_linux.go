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
