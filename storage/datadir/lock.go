// Package datadir keeps one process at a time in a data folder.
//
// The lock is a flock on DIR/run/lock: the kernel gives it back when its holder
// dies, however it dies, so that a stale lock cannot exist.
package datadir

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// RunFolder is the part of a data folder that holds what is only true while a
// process runs in it: the lock, the engine's configuration, engine.json.
const RunFolder = "run"

// maxPID is more than the digits of any process id.
const maxPID = 32

// Lock is a data folder taken by this process. Release gives it back.
type Lock struct {
	dir  string
	file *os.File
}

// HeldError says that another process works in the data folder.
type HeldError struct {
	Dir string // as it was asked for
	PID int    // the holder's process id, 0 when it could not be read
}

// Error names the folder, the holder and the two ways out.
func (e *HeldError) Error() string {
	holder := "another process"
	if e.PID != 0 {
		holder = "process " + strconv.Itoa(e.PID)
	}
	return fmt.Sprintf("data folder %s is in use by %s: stop it or give another --data-dir", e.Dir, holder)
}

// Acquire makes the folder where needed and takes its lock without waiting.
// The error is a *HeldError when another process has it.
func Acquire(dir string) (*Lock, error) {
	run := filepath.Join(dir, RunFolder)
	if err := os.MkdirAll(run, 0o700); err != nil {
		return nil, fmt.Errorf("datadir: create folder: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(run, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("datadir: open lock: %w", err)
	}
	if err := flock(file); err != nil {
		defer file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, &HeldError{Dir: dir, PID: readPID(file)}
		}
		return nil, fmt.Errorf("datadir: lock: %w", err)
	}
	if err := writePID(file); err != nil {
		file.Close()
		return nil, fmt.Errorf("datadir: write lock: %w", err)
	}
	return &Lock{dir: dir, file: file}, nil
}

// Dir is the locked folder, as it was given to Acquire.
func (l *Lock) Dir() string { return l.dir }

// Release gives the folder back. The lock file stays: removing it would let a
// second process lock a file that nobody can open any more.
func (l *Lock) Release() error {
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("datadir: release: %w", err)
	}
	return nil
}

func flock(file *os.File) error {
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

func writePID(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

func readPID(file *os.File) int {
	text, err := io.ReadAll(io.NewSectionReader(file, 0, maxPID))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return pid
}
