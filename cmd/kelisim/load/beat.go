package load

import (
	"sync"
	"time"
)

// beat lets many wait for times a little ahead. It wakes all whose time has come
// with one event of the kernel: a timer for each call costs the machine as much
// as the call does. A wait is longer than asked for by up to one beat.
type beat struct {
	began time.Time
	ticks ticks
	ended sync.WaitGroup

	mu    sync.Mutex
	now   uint64 // the last beat
	slots [slots]chan struct{}
	over  bool
}

const (
	beatEvery = 250 * time.Microsecond
	slots     = 512 // beats ahead that can be waited for
)

func newBeat() (*beat, error) {
	t, err := newTicks(beatEvery)
	if err != nil {
		return nil, err
	}
	b := &beat{began: time.Now(), ticks: t}
	b.ended.Go(b.run)
	return b, nil
}

// run wakes those who wait, until close.
func (b *beat) run() {
	for b.ticks.next() {
		b.wake(uint64(time.Since(b.began) / beatEvery))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
	for i := range b.slots {
		b.fire(uint64(i))
	}
}

func (b *beat) wake(until uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for ; b.now < until; b.now++ {
		b.fire(b.now + 1)
	}
}

// fire wakes those who wait for a beat. mu is held.
func (b *beat) fire(n uint64) {
	if c := b.slots[n%slots]; c != nil {
		close(c)
		b.slots[n%slots] = nil
	}
}

// wait returns after a time, or after the longest that can be waited for.
func (b *beat) wait(d time.Duration) {
	due := uint64((time.Since(b.began) + d + beatEvery - 1) / beatEvery)
	b.mu.Lock()
	due = min(due, b.now+slots-1)
	if b.over || due <= b.now {
		b.mu.Unlock()
		return
	}
	c := b.slots[due%slots]
	if c == nil {
		c = make(chan struct{})
		b.slots[due%slots] = c
	}
	b.mu.Unlock()
	<-c
}

func (b *beat) close() {
	b.ticks.stop()
	b.ended.Wait()
}
