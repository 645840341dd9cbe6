package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// recover lists the segments, mends the tail of the last one and deletes what
// the checkpoint has passed. The next write begins a new segment.
func (s *Spool) recover() error {
	names, err := filepath.Glob(filepath.Join(s.opt.Dir, "*.seg"))
	if err != nil {
		return fmt.Errorf("spool: list segments: %w", err)
	}
	slices.Sort(names)
	s.saved, s.intended = s.loadCheckpoint()
	s.written = s.saved
	own := names[:0]
	for _, name := range names {
		if s.isOwn(name) {
			own = append(own, name)
		}
	}
	for i, name := range own {
		if err := s.take(name, i == len(own)-1); err != nil {
			return err
		}
	}
	if s.written.Before(s.saved) {
		// Segments were taken away behind our back. What follows must lie behind the
		// checkpoint, or it would count as flushed.
		s.written = s.saved
	}
	s.pass()
	if s.written.Before(s.intended) {
		s.intended = s.written
	}
	s.synced = s.written
	return nil
}

// pass is for a run whose last segment is gone: segments are deleted once the run
// stands, before the checkpoint says so. What is left of it is read once more. What
// follows begins and lies at other places than the run, or what was counted under
// its place would be taken for that of another.
func (s *Spool) pass() {
	end := s.intended
	if _, exists := s.sealed[end.Segment]; exists || !s.saved.Before(end) || end.Segment == math.MaxUint64 {
		return
	}
	var left Position
	for seg, size := range s.sealed {
		if at := (Position{Segment: seg, Offset: size}); seg < end.Segment && left.Before(at) {
			left = at
		}
	}
	if left == (Position{}) {
		s.saved, s.written = end, later(end, s.written)
		return
	}
	s.intended, s.written = left, later(Position{Segment: end.Segment, Offset: headerBytes}, s.written)
}

// isOwn reports whether a file is a segment. A foreign one is named and left
// alone; one that the process before died on while it began it is removed.
func (s *Spool) isOwn(name string) bool {
	seg, err := number(name)
	if err != nil || s.path(seg) != name {
		s.opt.Logger.Warn("spool: a foreign file is left alone", "file", name)
		return false
	}
	b := make([]byte, headerBytes)
	f, err := os.Open(name)
	if err == nil {
		_, err = io.ReadFull(f, b)
		err = errors.Join(err, f.Close())
	}
	if err == nil && bytes.Equal(b, header[:]) {
		return true
	}
	if all, err := os.ReadFile(name); err == nil && len(bytes.TrimRight(all, "\x00")) == 0 && os.Remove(name) == nil {
		return false
	}
	s.opt.Logger.Error("spool: a file with a foreign header is left alone", "file", name)
	return false
}

func number(name string) (uint64, error) {
	return strconv.ParseUint(strings.TrimSuffix(filepath.Base(name), ".seg"), 16, 64)
}

// take adds a segment of an earlier process.
func (s *Spool) take(name string, last bool) error {
	seg, err := number(name)
	if err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	info, err := os.Stat(name)
	if err != nil {
		return fmt.Errorf("spool: read segment: %w", err)
	}
	size := info.Size()
	if last || unended(name, size) { // what is damaged in those that were ended is said when it is read
		if size, err = s.mend(name); err != nil {
			return err
		}
	}
	if seg < s.saved.Segment || seg == s.saved.Segment && size <= s.saved.Offset {
		if err := os.Remove(name); err != nil {
			return fmt.Errorf("spool: delete segment: %w", err)
		}
	} else {
		s.sealed[seg], s.size = size, s.size+size
		s.marks = append(s.marks, mark{end: Position{Segment: seg, Offset: size}, at: info.ModTime()})
	}
	if seg >= s.written.Segment {
		s.written = Position{Segment: seg, Offset: size}
	}
	return nil
}

// unended reports whether the room at the end of a segment was not given back,
// because the process before was killed between its last write and its end.
func unended(name string, size int64) bool {
	var tail [4096]byte
	if size < mapLeast {
		return false
	}
	f, err := os.Open(name)
	if err != nil {
		return false // reading it says why
	}
	defer f.Close()
	n, err := f.ReadAt(tail[:], size-int64(len(tail)))
	return err == nil && len(bytes.TrimRight(tail[:n], "\x00")) == 0
}

// mend cuts what is no frame off the end of a segment and returns its length.
func (s *Spool) mend(name string) (int64, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return 0, fmt.Errorf("spool: read segment: %w", err)
	}
	used := len(bytes.TrimRight(b, "\x00")) // behind it lies room that was not used
	end := headerBytes
	for rest := b[headerBytes:]; len(rest) > 0; {
		_, _, n, ok := parseFrame(rest)
		if !ok {
			if n = resync(rest); n == len(rest) {
				break // nothing whole follows
			}
		}
		rest, end = rest[n:], end+n
	}
	if end < used {
		s.stats.Damaged += uint64(used - end)
		s.opt.Logger.Warn("spool: a torn tail was cut off", "file", name, "bytes", used-end)
	}
	if end == len(b) {
		return int64(end), nil
	}
	if err := os.Truncate(name, int64(end)); err != nil {
		return 0, fmt.Errorf("spool: cut torn tail: %w", err)
	}
	return int64(end), nil
}
