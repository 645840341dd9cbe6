package embedded

import (
	"errors"
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
// processor. Threads that are begun later inherit it; one that was begun meanwhile,
// by a thread whose turn had not come, is found by looking again.
func giveWay() error {
	const by, least, zero = 10, 19, 20 // the kernel tells 20 less the niceness
	now, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
	if err != nil {
		return fmt.Errorf("embedded: look up priority: %w", err)
	}
	niceness := min(zero-now+by, least)
	for {
		lowered, err := lower(niceness, zero)
		if err != nil || lowered == 0 {
			return err
		}
	}
}

// lower lowers the priority of the threads that are above it, and says of how many.
func lower(niceness, zero int) (lowered int, err error) {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return 0, fmt.Errorf("embedded: list threads: %w", err)
	}
	for _, t := range threads {
		id, err := strconv.Atoi(t.Name())
		if err != nil {
			return 0, fmt.Errorf("embedded: list threads: %w", err)
		}
		was, err := syscall.Getpriority(syscall.PRIO_PROCESS, id)
		if err == nil && zero-was < niceness {
			lowered++
			err = syscall.Setpriority(syscall.PRIO_PROCESS, id, niceness)
		}
		if err != nil && !errors.Is(err, syscall.ESRCH) { // a thread that has ended
			return 0, fmt.Errorf("embedded: lower priority: %w", err)
		}
	}
	return lowered, nil
}
