package load

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ticks are events of a timer of the kernel. Those of the runtime are late by up
// to a millisecond, because it polls the network in whole milliseconds.
type ticks struct{ f *os.File }

func newTicks(every time.Duration) (ticks, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return ticks{}, fmt.Errorf("load: timer: %w", err)
	}
	f := os.NewFile(uintptr(fd), "timer")
	each := unix.NsecToTimespec(int64(every))
	if err := unix.TimerfdSettime(fd, 0, &unix.ItimerSpec{Interval: each, Value: each}, nil); err != nil {
		_ = f.Close() // nothing was written
		return ticks{}, fmt.Errorf("load: timer: %w", err)
	}
	return ticks{f}, nil
}

// next waits for a tick; false says that they are over.
func (t ticks) next() bool {
	var expirations [8]byte
	_, err := t.f.Read(expirations[:])
	return err == nil
}

func (t ticks) stop() { _ = t.f.Close() } // nothing was written
