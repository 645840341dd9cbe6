package spool

import (
	"errors"
	"fmt"
	"time"
)

// ended is a segment that is not written any more, with its length.
type ended struct {
	*segment
	size int64
}

// waiter is somebody whose entries end at a position and who waits until they
// are on disk.
type waiter struct {
	until Position
	done  chan error
}

// run puts what was appended on disk: at once when somebody waits for it, else
// at an interval. It ends with Close.
func (s *Spool) run() {
	defer close(s.done)
	tick := time.NewTicker(max(s.opt.SyncEvery, 10*time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-s.sync:
			s.flush()
		case <-tick.C:
			s.remember()
			s.relay()
			s.flush()
		case <-s.closing:
			s.flush()
			return
		}
	}
}

// flush is one fdatasync for all who wait for it. Appending goes on meanwhile.
func (s *Spool) flush() {
	s.mu.Lock()
	until, active, fresh := s.written, s.active, s.fresh
	sealed := s.unsynced
	s.unsynced, s.fresh = nil, false
	if until == s.synced && len(sealed) == 0 {
		s.answer(until, nil)
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()

	began := s.opt.Now()
	err := s.datasync(active, sealed, fresh)
	took := s.opt.Now().Sub(began)

	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Syncs++
	s.stats.SyncSeconds += took.Seconds()
	if err != nil {
		s.failed(active, err)
		return
	}
	s.synced = until
	s.answer(until, nil)
}

// failed ends a segment that could not be put on disk. The kernel may have thrown
// its pages away, with what was written to them meanwhile, and says so only once:
// nothing more is written there, and all who wait are refused. mu is held.
func (s *Spool) failed(active *segment, err error) {
	s.stats.SyncErrors++
	s.opt.Logger.Error("spool: what was written last may not be on disk", "error", err)
	if s.active == active {
		s.seal()
	}
	s.answer(s.written, err)
}

// datasync puts the files on disk and closes those that are ended.
func (s *Spool) datasync(active *segment, sealed []ended, fresh bool) (err error) {
	for _, e := range sealed {
		err = errors.Join(err, e.segment.end(e.size))
	}
	if active != nil {
		// It may have been sealed meanwhile, and is closed by nobody but this loop.
		err = errors.Join(err, datasync(active.f))
	}
	if fresh || len(sealed) > 0 {
		err = errors.Join(err, syncDir(s.opt.Dir))
	}
	if err != nil {
		return classify(fmt.Errorf("spool: %w", err))
	}
	return nil
}

// answer tells everybody whose entries end before a position. mu is held.
func (s *Spool) answer(until Position, err error) {
	rest := s.waiters[:0]
	for _, w := range s.waiters {
		if until.Before(w.until) {
			rest = append(rest, w)
		} else {
			w.done <- err
		}
	}
	clear(s.waiters[len(rest):])
	s.waiters = rest
}
