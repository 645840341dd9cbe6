package spool

import (
	"errors"
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
	err := unix.Fallocate(int(f.Fd()), 0, 0, size)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return fill(f, size)
	}
	if err != nil {
		return fmt.Errorf("spool: take room: %w", err)
	}
	return nil
}

// mapFile takes room on the disk for a file and maps it.
func mapFile(f *os.File, size int64) ([]byte, error) {
	err := unix.Fallocate(int(f.Fd()), 0, 0, size)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return nil, errors.ErrUnsupported
	}
	if err != nil {
		return nil, fmt.Errorf("take room: %w", err)
	}
	b, err := unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, errors.Join(errors.ErrUnsupported, f.Truncate(0))
	}
	return b, nil
}

func unmapFile(b []byte) error {
	if err := unix.Munmap(b); err != nil {
		return fmt.Errorf("unmap: %w", err)
	}
	return nil
}
