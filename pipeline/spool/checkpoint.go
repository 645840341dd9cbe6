package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"

	"kelisim/pipeline/failpoint"
)

// Checkpoint is where the reader goes on after a restart.
func (s *Spool) Checkpoint() Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.saved
}

// Intended is the end of the run that the reader was flushing when the process
// before ended, or the checkpoint when it was at rest.
func (s *Spool) Intended() Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.intended.Before(s.saved) {
		return s.saved
	}
	return s.intended
}

// Intend says which run is about to be flushed. After a crash the same run is
// flushed again, with the same bounds, so that what was made of it as a whole,
// such as a count, can be recognised.
func (s *Spool) Intend(to Position) error {
	s.mu.Lock()
	saved := s.saved
	to = later(to, s.intended)
	s.mu.Unlock()
	err := s.save(saved, to)
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(err, ErrFull) && s.dropBallast() { // flushing is what makes room
		err = s.save(saved, to)
	}
	if err != nil {
		return err
	}
	s.intended = to
	return nil
}

// later is the later of two positions. What a process before may have flushed
// stays in doubt until it is passed, however small the pieces it is read in now.
func later(a, b Position) Position {
	if a.Before(b) {
		return b
	}
	return a
}

// Advance says that everything before a position stands in the database. When
// the reader has caught up, the active segment is closed and deleted too.
func (s *Spool) Advance(to Position) error {
	gone, ahead := s.passed(to)
	if !ahead {
		return nil
	}
	// What was read goes first: on a full disk that makes room for the checkpoint,
	// and a checkpoint in a segment that is gone reads on in the next one.
	failpoint.Hit("spool-advance")
	for _, seg := range gone {
		if err := os.Remove(s.path(seg)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("spool: delete segment: %w", err)
		}
		s.mu.Lock()
		s.size -= s.sealed[seg]
		delete(s.sealed, seg)
		s.mu.Unlock()
	}
	failpoint.Hit("spool-deleted")
	s.mu.Lock()
	intended := later(to, s.intended)
	s.mu.Unlock()
	err := s.save(to, intended)
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(err, ErrFull) && s.dropBallast() {
		err = s.save(to, intended)
	}
	// What was read is gone, so the next checkpoint must say as much, whatever became
	// of this one.
	s.saved, s.intended = to, intended
	s.forget(to)
	return err
}

// passed lists the segments that lie before a position whole.
func (s *Spool) passed(to Position) (gone []uint64, ahead bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.saved.Before(to) {
		return nil, false
	}
	// A busy segment is closed now and then as well, so that what was flushed does
	// not lie in it until it is full.
	done := to == s.written && to.Offset > headerBytes
	if s.active != nil && !s.closed && (done || s.opt.Now().Sub(s.begun) > s.opt.SealAfter) {
		s.seal()
	}
	for seg, size := range s.sealed {
		if seg < to.Segment || seg == to.Segment && to.Offset >= size {
			gone = append(gone, seg)
		}
	}
	return gone, true
}

const checkpointName = "checkpoint"

// checkpointBytes: the checkpoint, the end of the run intended, their CRC-32C.
// The first version had no run.
const (
	checkpointBytes = 36
	checkpointFirst = 20
)

// save writes both positions by rename, so that they are whole or the older ones.
func (s *Spool) save(at, intended Position) error {
	var b [checkpointBytes]byte
	binary.LittleEndian.PutUint64(b[:], at.Segment)
	binary.LittleEndian.PutUint64(b[8:], uint64(at.Offset))
	binary.LittleEndian.PutUint64(b[16:], intended.Segment)
	binary.LittleEndian.PutUint64(b[24:], uint64(intended.Offset))
	binary.LittleEndian.PutUint32(b[32:], crc32.Checksum(b[:32], castagnoli))
	path := filepath.Join(s.opt.Dir, checkpointName)
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return classify(fmt.Errorf("spool: checkpoint: %w", err))
	}
	_, err = f.Write(b[:])
	if err == nil {
		err = datasync(f)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return classify(fmt.Errorf("spool: checkpoint: %w", err))
	}
	if err := os.Rename(path+".new", path); err != nil {
		return classify(fmt.Errorf("spool: checkpoint: %w", err))
	}
	return syncDir(s.opt.Dir)
}

// loadCheckpoint reads both positions. Where the end of the run is not known,
// everything may have been flushed unseen.
func (s *Spool) loadCheckpoint() (at, intended Position) {
	intended = Position{Segment: math.MaxUint64}
	b, err := os.ReadFile(filepath.Join(s.opt.Dir, checkpointName))
	if err != nil {
		if !errors.Is(err, os.ErrNotExist) {
			s.opt.Logger.Warn("spool: the checkpoint cannot be read; everything is replayed", "error", err)
		}
		return at, intended
	}
	n := len(b) - 4
	if n+4 != checkpointBytes && n+4 != checkpointFirst || crc32.Checksum(b[:n], castagnoli) != binary.LittleEndian.Uint32(b[n:]) {
		s.opt.Logger.Warn("spool: the checkpoint is damaged; everything is replayed")
		return at, intended
	}
	position := func(b []byte) Position {
		return Position{Segment: binary.LittleEndian.Uint64(b), Offset: int64(binary.LittleEndian.Uint64(b[8:]))}
	}
	if at = position(b); n+4 == checkpointBytes {
		intended = position(b[16:])
	}
	return at, intended
}
