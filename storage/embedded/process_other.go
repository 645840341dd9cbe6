//go:build !linux

package embedded

import (
	"os"
	"syscall"
)

// selfPath is the program's own file.
func selfPath() (string, error) { return os.Executable() }

// childAttributes puts the child into a group of its own, away from the
// terminal's Ctrl-C.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// giveWay would let the parent go first; only on Linux it does.
func giveWay() error { return nil }
