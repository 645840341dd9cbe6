package spool

import (
	"fmt"
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
	for i, name := range names {
		seg, err := strconv.ParseUint(strings.TrimSuffix(filepath.Base(name), ".seg"), 16, 64)
		if err != nil || s.path(seg) != name {
			s.opt.Logger.Warn("spool: a foreign file is left alone", "file", name)
			continue
		}
		if err := s.take(seg, name, i == len(names)-1); err != nil {
			return err
		}
	}
	if s.written.Before(s.saved) {
		// Segments were taken away behind our back. What follows must lie behind the
		// checkpoint, or it would count as flushed.
		s.written = s.saved
	}
	s.synced = s.written
	return nil
}

// take adds a segment of an earlier process.
func (s *Spool) take(seg uint64, name string, last bool) error {
	size, err := s.mend(name, last)
	if err != nil || size == 0 {
		return err
	}
	if seg < s.saved.Segment || seg == s.saved.Segment && size <= s.saved.Offset {
		if err := os.Remove(name); err != nil {
			return fmt.Errorf("spool: delete segment: %w", err)
		}
	} else {
		info, err := os.Stat(name)
		if err != nil {
			return fmt.Errorf("spool: read segment: %w", err)
		}
		s.sealed[seg], s.size = size, s.size+size
		s.marks = append(s.marks, mark{end: Position{Segment: seg, Offset: size}, at: info.ModTime()})
	}
	if seg >= s.written.Segment {
		s.written = Position{Segment: seg, Offset: size}
	}
	return nil
}

// mend returns the length of a segment after cutting a torn tail off the last
// one; 0 means that the file is none of ours and is left alone.
func (s *Spool) mend(name string, last bool) (int64, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return 0, fmt.Errorf("spool: read segment: %w", err)
	}
	if len(b) < headerBytes || [headerBytes]byte(b[:headerBytes]) != header {
		if last && len(b) < headerBytes { // the process died while it began the segment
			return 0, os.Remove(name)
		}
		s.opt.Logger.Error("spool: a file with a foreign header is left alone", "file", name)
		return 0, nil
	}
	if !last {
		return int64(len(b)), nil // it was ended in order; what is damaged in it is said when it is read
	}
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
	if end == len(b) {
		return int64(end), nil
	}
	s.stats.Damaged += uint64(len(b) - end)
	s.opt.Logger.Warn("spool: a torn tail was cut off", "file", name, "bytes", len(b)-end)
	if err := os.Truncate(name, int64(end)); err != nil {
		return 0, fmt.Errorf("spool: cut torn tail: %w", err)
	}
	return int64(end), nil
}
