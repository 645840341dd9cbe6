//go:build !linux

package load

import "time"

// ticks are those of the runtime, as exact as it makes them.
type ticks struct {
	t    *time.Ticker
	over chan struct{}
}

func newTicks(every time.Duration) (ticks, error) {
	return ticks{time.NewTicker(every), make(chan struct{})}, nil
}

// next waits for a tick; false says that they are over.
func (t ticks) next() bool {
	select {
	case <-t.t.C:
		return true
	case <-t.over:
		return false
	}
}

func (t ticks) stop() {
	t.t.Stop()
	close(t.over)
}
