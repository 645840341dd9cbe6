package embedded

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// selfPath is this very program, also after its file was replaced by an upgrade.
func selfPath() (string, error) { return "/proc/self/exe", nil }

// childAttributes puts the child into a group of its own, away from the
// terminal's Ctrl-C, and asks the kernel to tell it when the thread that
// started it dies: a belt beside the pipe.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: deathSignal}
}

// giveWay lets the parent, which answers visitors, go first where both want the
// processor. Threads that are begun later inherit it.
func giveWay() error {
	const by, least, zero = 10, 19, 20 // the kernel tells 20 less the niceness
	now, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
	if err != nil {
		return fmt.Errorf("embedded: look up priority: %w", err)
	}
	niceness := min(zero-now+by, least)
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return fmt.Errorf("embedded: list threads: %w", err)
	}
	for _, t := range threads {
		id, err := strconv.Atoi(t.Name())
		if err != nil {
			return fmt.Errorf("embedded: list threads: %w", err)
		}
		if err := syscall.Setpriority(syscall.PRIO_PROCESS, id, niceness); err != nil {
			return fmt.Errorf("embedded: lower priority: %w", err)
		}
	}
	return nil
}
