package load

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// alarm waits for short times to a few microseconds. The timers of the runtime
// are late by up to a millisecond, because it polls the network in whole
// milliseconds; a timer of the kernel is an event of that poll itself.
type alarm struct {
	f  *os.File
	fd int
}

func newAlarm() (*alarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("load: alarm: %w", err)
	}
	return &alarm{os.NewFile(uintptr(fd), "alarm"), fd}, nil
}

// wait returns after a time; it is not to be called with long ones.
func (a *alarm) wait(d time.Duration) {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}
	if unix.TimerfdSettime(a.fd, 0, &spec, nil) != nil {
		return
	}
	var expirations [8]byte
	_, _ = a.f.Read(expirations[:]) // on an error the wait is short, and the caller looks at the clock
}

func (a *alarm) close() { _ = a.f.Close() } // nothing was written
