package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// The ballast is a file that holds room on the disk. When the disk is full it is
// dropped, so that what people decide, and the checkpoint that makes room again,
// still find a place; events are refused until it lies there once more.
const (
	ballastName  = "ballast"
	ballastBytes = 4 << 20
)

func (s *Spool) layBallast() error {
	path := filepath.Join(s.opt.Dir, ballastName)
	if info, err := os.Stat(path); err == nil && info.Size() == ballastBytes {
		return nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("spool: keep room: %w", err)
	}
	err = allocate(f, ballastBytes)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(fmt.Errorf("spool: keep room: %w", err), os.Remove(path))
	}
	return nil
}

// dropBallast reports whether there was any. mu is held.
func (s *Spool) dropBallast() bool {
	if !s.ballast {
		return false
	}
	s.ballast, s.dropped = false, s.opt.Now()
	if err := os.Remove(filepath.Join(s.opt.Dir, ballastName)); err != nil {
		return false
	}
	s.opt.Logger.Warn("spool: the disk is full; the room kept for decisions is in use")
	return true
}

// relay lays the ballast again once there is room.
func (s *Spool) relay() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ballast || s.opt.Now().Sub(s.dropped) < time.Second {
		return
	}
	s.dropped = s.opt.Now()
	if s.ballast = s.layBallast() == nil; s.ballast {
		s.opt.Logger.Info("spool: there is room again")
	}
}

// fill writes a file of zeros.
func fill(f *os.File, size int64) error {
	if _, err := f.Write(make([]byte, size)); err != nil {
		return fmt.Errorf("spool: keep room: %w", err)
	}
	return nil
}
