package load

import (
	"sync/atomic"
	"time"
)

// schedule is when calls are due. Each call has a slot of 1/rate and a moment in
// it that the seed chooses: known before the first call, the same each time, and
// in step with nothing.
type schedule struct {
	began time.Time
	every time.Duration // 0 makes calls due at once
	seed  uint64
	next  atomic.Uint64
}

func newSchedule(began time.Time, rate float64, seed uint64) *schedule {
	s := &schedule{began: began, seed: seed}
	if rate > 0 {
		s.every = time.Duration(float64(time.Second) / rate)
	}
	return s
}

// at is when the n-th call is due.
func (s *schedule) at(n uint64) time.Time {
	part := float64(scatter(s.seed+n)>>11) / (1 << 53)
	return s.began.Add(time.Duration((float64(n) + part) * float64(s.every)))
}

// take is when the next call is due that nobody has taken yet.
func (s *schedule) take(now time.Time) time.Time {
	if s.every == 0 {
		return now
	}
	return s.at(s.next.Add(1) - 1)
}

// scatter makes numbers that follow each other look random (splitmix64).
func scatter(n uint64) uint64 {
	n += 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}
