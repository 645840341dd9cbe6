//go:build !linux

package load

import "time"

// alarm waits for short times, as exactly as the runtime does.
type alarm struct{}

func newAlarm() (*alarm, error) { return &alarm{}, nil }

func (a *alarm) wait(d time.Duration) { <-time.NewTimer(d).C }

func (a *alarm) close() {}
