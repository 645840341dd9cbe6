package embedded

import "syscall"

// selfPath is this very program, also after its file was replaced by an upgrade.
func selfPath() (string, error) { return "/proc/self/exe", nil }

// childAttributes puts the child into a group of its own, away from the
// terminal's Ctrl-C, and asks the kernel to tell it when the thread that
// started it dies: a belt beside the pipe.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: deathSignal}
}
